#!/usr/bin/env python3
"""Drives the real Python SDK through one session with video tracks and prints one JSON line about it.

modes:
  manual  ManualSource, which gets 30 marked frames per second
  rtsp    RTSPSource: the server fetches the video of marked frames itself
  file    VideoFileSource(use_datachannel_frames=False): uploaded, returned on a track

Frames and data are paired by their times, as the SDK does it, and judged by what they show: see `track_pairs.py`.
The exit status is 0 when the session ended without an exception.
"""

import argparse
import base64
import json
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from marked_frames import RATE, Scene, read_marker
from probes import SdkLog, Timeline, peak_rss_mb, watch_sdk
from track_pairs import Recording, summarize

# A session is over when nothing has come for so long after the last frame was sent, or after something came.
QUIET_AFTER_SENDING, QUIET_BETWEEN = 1.5, 8.0
POLL_INTERVAL = 0.02


def main() -> int:
    options = parse_options()
    timeline = Timeline()
    prefer_codec(options.codec)
    from inference_sdk import InferenceHTTPClient
    from inference_sdk.webrtc import StreamConfig

    watch_sdk(timeline)
    log = SdkLog(timeline)
    log.attach()
    recording = Recording()
    config = StreamConfig(
        stream_output=options.stream_output,
        data_output=options.data_output,
        realtime_processing=options.mode != "file" and not options.every_frame,
    )
    client = InferenceHTTPClient(api_url=options.server, api_key=options.api_key)
    source = make_source(options)
    workflow = json.loads(options.workflow.read_text())
    session = client.webrtc.stream(source=source, workflow=workflow, config=config)
    listen(session, recording, timeline)
    helpers = [Closer(session, recording, timeline, options)]
    if options.mode == "manual":
        helpers.append(Sender(source, session, recording, timeline, options))
    for helper in helpers:
        helper.start()

    exception = None
    try:
        session.run()
    except Exception as error:  # whatever the SDK raises is the result
        exception = f"{type(error).__name__}: {error}"
    timeline.mark("end")
    report = {
        "mode": options.mode,
        "codec": negotiated_codec(session),
        **summarize(recording),
        "cpu": describe_cpu(timeline, recording),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "processing_complete": timeline.has("processing_complete"),
        "closed_because": helpers[0].reason,
        "exception": exception,
        "errors": recording.errors[:5],
        "warnings": log.warnings,
    }
    print(json.dumps(report), flush=True)
    return 0 if exception is None else 1


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    manual = modes.add_parser("manual")
    manual.add_argument("--frames", type=int, default=300, metavar="N", help="send so many")
    manual.add_argument("--size", default="1280x720", metavar="WxH")
    modes.add_parser("rtsp").add_argument("--url", required=True)
    modes.add_parser("file").add_argument("--video", type=Path, required=True)
    for mode in modes.choices.values():
        mode.add_argument("--server", default="http://127.0.0.1:9001", metavar="URL")
        mode.add_argument("--workflow", type=Path, required=True, metavar="FILE.json")
        mode.add_argument("--stream-output", action="append", default=[], metavar="NAME")
        mode.add_argument("--data-output", action="append", default=[], metavar="NAME")
        mode.add_argument("--every-frame", action="store_true", help="acknowledge, and have no late frame dropped")
        mode.add_argument("--codec", choices=("VP8", "H264"), help="prefer it in the offer; default is the SDK's own")
        mode.add_argument("--api-key", default="not-a-real-key", metavar="KEY")
        mode.add_argument("--timeout", type=float, default=90, metavar="SECONDS", help="close the session after this")
    return parser.parse_args()


def prefer_codec(name) -> None:
    """The SDK has no option for it: the order in which its WebRTC library offers its codecs decides."""
    if name:
        from aiortc.codecs import CODECS

        CODECS["video"].sort(key=lambda codec: codec.mimeType != f"video/{name}")


def make_source(options):
    from inference_sdk.webrtc import ManualSource, RTSPSource, VideoFileSource

    if options.mode == "manual":
        return ManualSource()
    if options.mode == "rtsp":
        return RTSPSource(options.url)
    return VideoFileSource(str(options.video), use_datachannel_frames=False)


def listen(session, recording: Recording, timeline: Timeline) -> None:
    """Notes what comes, and only that: everything else waits until the session is over."""

    @session.on_frame
    def frame(image, metadata) -> None:
        came = time.perf_counter()
        timeline.mark("first_arrival")
        with recording.own_work("frames"):
            recording.frame(came, metadata, read_marker(image))
        timeline.mark_again("last_arrival")

    @session.on_data()
    def data(outputs, metadata) -> None:
        came = time.perf_counter()
        timeline.mark("first_arrival")
        with recording.own_work("messages"):
            recording.message(came, metadata, (outputs or {}).get("number_contours"), marker_in(outputs or {}))
        timeline.mark_again("last_arrival")

    @session.on_error
    def error(texts, _metadata) -> None:
        recording.errors += texts


def marker_in(outputs: dict):
    """The number in the first image among the outputs."""
    for value in outputs.values():
        if isinstance(value, dict) and value.get("type") == "base64":
            encoded = np.frombuffer(base64.b64decode(value["value"]), np.uint8)
            return read_marker(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return None


class Sender(threading.Thread):
    """Gives the source its frames when the connection is there: what comes earlier is lost."""

    def __init__(self, source, session, recording: Recording, timeline: Timeline, options):
        super().__init__(daemon=True)
        self._source, self._session = source, session
        self._recording, self._timeline, self._options = recording, timeline, options

    def run(self) -> None:
        scene = Scene(*map(int, self._options.size.split("x")))
        while not self._is_connected():
            if self._timeline.has("end"):
                return
            time.sleep(POLL_INTERVAL)
        self._note_times()
        self._timeline.mark("first_sent")
        start = time.perf_counter()
        for number in range(self._options.frames):
            with self._recording.own_work("sender"):
                image = scene.frame(number)
            time.sleep(max(0, start + number / RATE - time.perf_counter()))
            self._recording.sent(number, time.perf_counter())
            # Called from here, `send()` would not wake the SDK's event loop: its queue overflows while nothing
            # else does, and up to a third of the frames are lost before they are sent.
            self._session._loop.call_soon_threadsafe(self._source.send, image)
        self._timeline.mark("last_sent")

    def _is_connected(self) -> bool:
        is_open = self._timeline.has("channel_open")
        return is_open and self._session._pc.connectionState == "connected"

    def _note_times(self) -> None:
        """The source tells nobody which time it gives a frame: this looks over its shoulder."""
        track, recording = self._source._track, self._recording
        original = track._frame_to_video

        async def frame_to_video(image):
            frame = await original(image)
            with recording.own_work("track"):
                recording.stamped(frame.pts, read_marker(image))
            return frame

        track._frame_to_video = frame_to_video


class Closer(threading.Thread):
    """Closes the session when nothing comes any more, or when its time is up."""

    def __init__(self, session, recording: Recording, timeline: Timeline, options):
        super().__init__(daemon=True)
        self._session, self._timeline = session, timeline
        self._sends = options.mode == "manual"
        self._deadline = time.perf_counter() + options.timeout
        self.reason = None

    def run(self) -> None:
        while self.reason is None and not self._timeline.has("end"):
            time.sleep(POLL_INTERVAL)
            self.reason = self._reason_to_close()
        if not self._timeline.has("end"):
            self._session.close()

    def _reason_to_close(self):
        if self._sends and self._is_quiet_since("last_sent", QUIET_AFTER_SENDING):
            return "nothing comes any more"
        if not self._sends and self._is_quiet_since("last_arrival", QUIET_BETWEEN):
            return "nothing comes any more"
        return "time limit" if time.perf_counter() > self._deadline else None

    def _is_quiet_since(self, moment: str, seconds: float) -> bool:
        latest = max((self._timeline.at(name) or 0 for name in (moment, "last_arrival")))
        return self._timeline.has(moment) and time.perf_counter() > latest + seconds


def negotiated_codec(session):
    """The first codec of the server's answer, which is the one in use."""
    description = session._pc and session._pc.remoteDescription
    for line in description.sdp.splitlines() if description else []:
        if line.startswith("a=rtpmap:") and line.endswith("/90000"):
            return line.split(" ")[1].split("/")[0]
    return None


def describe_cpu(timeline: Timeline, recording: Recording) -> dict:
    """What the SDK cost from the first frame to the last, without what this program did itself."""
    begin = "first_sent" if timeline.has("first_sent") else "first_arrival"
    used = timeline.cpu(begin, "last_arrival")
    if used is None:
        return {"seconds": None, "own_seconds": None, "ms_per_frame": None}
    own = recording.own_seconds()
    frames = len(recording.sent_at) or len(recording.frames)
    per_frame = round(1000 * (used - own) / frames, 2) if frames else None
    return {"seconds": round(used - own, 3), "own_seconds": round(own, 3), "ms_per_frame": per_frame}


if __name__ == "__main__":
    sys.exit(main())
