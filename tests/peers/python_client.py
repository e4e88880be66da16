#!/usr/bin/env python3
"""Drives the real Python SDK through one file session and prints one JSON line about it.

modes:
  file      the SDK's defaults: data-channel frames, no acknowledgements
  file_ack  StreamConfig(realtime_processing=False), which makes the SDK acknowledge every frame
  upload    closes as soon as the server has acknowledged the last byte of the upload

The exit status is 0 when the session ended by itself (or, in upload mode, when the upload was complete).
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

from probes import SdkLog, Timeline, cpu_seconds, peak_rss_mb, unacknowledged_chunks, watch_sdk

# The SDK drops its own end-of-stream mark when its frame queue is full; then nobody else ends the session.
GRACE_AFTER_COMPLETION = 5.0
POLL_INTERVAL = 0.005


def main() -> int:
    options = parse_options()
    timeline = Timeline()
    from inference_sdk import InferenceHTTPClient
    from inference_sdk.webrtc import StreamConfig, VideoFileSource

    timeline.mark("imported")
    watch_sdk(timeline)
    log = SdkLog(timeline)
    log.attach()

    source = VideoFileSource(
        str(options.video),
        on_upload_progress=lambda done, total: mark_upload(timeline, done, total),
        realtime_processing=options.realtime,
    )
    config = StreamConfig(
        stream_output=options.stream_output,
        data_output=options.data_output,
        workflow_parameters=dict(options.param),
        realtime_processing=options.mode != "file_ack",
    )
    client = InferenceHTTPClient(api_url=options.server, api_key=options.api_key)
    session = client.webrtc.stream(source=source, config=config, image_input=options.image_input, **workflow(options))

    received = Received(timeline, options)
    session.on_frame(received.frame)
    session.on_data(received.data)
    session.on_error(received.errors)
    watchdog = Watchdog(session, timeline, options)
    watchdog.start()

    exception = None
    try:
        session.run()
    except Exception as error:  # whatever the SDK raises is the result
        exception = f"{type(error).__name__}: {error}"
    timeline.mark("end")

    print(json.dumps(report(options, timeline, received, watchdog, log, exception)), flush=True)
    finished = timeline.has("upload_acknowledged" if options.mode == "upload" else "processing_complete")
    return 0 if finished and exception is None else 1


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("file", "file_ack", "upload"))
    parser.add_argument("--server", default="http://127.0.0.1:9001", metavar="URL")
    parser.add_argument("--video", type=Path, required=True)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--workflow", type=Path, metavar="FILE.json")
    chosen.add_argument("--workflow-id", metavar="ID")
    parser.add_argument("--workspace", default="local")
    parser.add_argument("--image-input", default="image", metavar="NAME")
    parser.add_argument("--stream-output", action="append", default=[], metavar="NAME")
    parser.add_argument("--data-output", action="append", default=[], metavar="NAME")
    parser.add_argument("--param", action="append", default=[], type=parameter, metavar="KEY=JSON")
    parser.add_argument("--realtime", action="store_true", help="the server plays the file at its own frame rate")
    parser.add_argument("--count-only", action="store_true", help="count what arrives and look at nothing")
    parser.add_argument("--api-key", default="not-a-real-key", metavar="KEY")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="close the session after this")
    return parser.parse_args()


def parameter(text: str):
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def workflow(options) -> dict:
    if options.workflow_id:
        return {"workflow": options.workflow_id, "workspace": options.workspace}
    return {"workflow": json.loads(options.workflow.read_text())}


def mark_upload(timeline: Timeline, done: int, total: int) -> None:
    timeline.mark("upload_first_chunk")
    if done == total:
        timeline.mark("upload_queued")


class Received:
    """Counts and summarises what the SDK hands to its callbacks."""

    def __init__(self, timeline: Timeline, options):
        self._timeline = timeline
        self._look = not options.count_only
        self.frames = self.messages = self.predictions = self.error_frames = 0
        self.frame_ids = []
        self.image_sizes = {}
        self.first_errors = []
        self.first_metadata = self.last_metadata = None

    def frame(self, image, _metadata) -> None:
        self.frames += 1
        if self._look:
            size = "%dx%d" % (image.shape[1], image.shape[0])
            self.image_sizes[size] = self.image_sizes.get(size, 0) + 1

    def data(self, outputs, metadata) -> None:
        self._timeline.mark("first_data")
        self._timeline.mark_again("last_data")
        self.messages += 1
        if not self._look:
            return
        if metadata is not None:
            self._note_metadata(metadata)
        self.predictions += sum(count_predictions(value) for value in (outputs or {}).values())

    def errors(self, texts, _metadata) -> None:
        self.error_frames += 1
        self.first_errors += texts[: max(0, 5 - len(self.first_errors))]

    def _note_metadata(self, metadata) -> None:
        self.first_metadata = self.first_metadata or metadata
        self.last_metadata = metadata
        append_to_ranges(self.frame_ids, metadata.frame_id)


def append_to_ranges(ranges: list, number: int) -> None:
    """Keeps numbers in the order they came as [first, last] runs: [[1, 300]] when none is missing or late."""
    if ranges and ranges[-1][1] + 1 == number:
        ranges[-1][1] = number
    else:
        ranges.append([number, number])


def count_predictions(value) -> int:
    if isinstance(value, dict):
        value = value.get("predictions")
    return len(value) if isinstance(value, list) else 0


class Watchdog(threading.Thread):
    """Notices the end of the upload, and closes sessions that would not end by themselves."""

    def __init__(self, session, timeline: Timeline, options):
        super().__init__(daemon=True)
        self._session, self._timeline, self._mode = session, timeline, options.mode
        self._deadline = time.monotonic() + options.timeout
        self._completed_at = None
        self.closed_because = None

    def run(self) -> None:
        while self.closed_because is None and not self._timeline.has("end"):
            time.sleep(POLL_INTERVAL)
            self._watch_upload()
            self.closed_because = self._reason_to_close()
        if not self._timeline.has("end"):
            self._session.close()

    def _watch_upload(self) -> None:
        timeline = self._timeline
        if timeline.has("upload_queued") and not timeline.has("upload_acknowledged"):
            if unacknowledged_chunks(self._session) == 0:
                timeline.mark("upload_acknowledged")

    def _reason_to_close(self):
        now = time.monotonic()
        if self._timeline.has("processing_complete") and self._completed_at is None:
            self._completed_at = now
        if self._mode == "upload" and self._timeline.has("upload_acknowledged"):
            return "upload complete"
        if self._completed_at is not None and now > self._completed_at + GRACE_AFTER_COMPLETION:
            return "the SDK lost the end of the stream"
        if now > self._deadline:
            return "time limit"
        return None


def report(options, timeline: Timeline, received: Received, watchdog: Watchdog, log: SdkLog, exception) -> dict:
    return {
        "mode": options.mode,
        "frames": received.frames,
        "data_messages": received.messages,
        "frame_ids": received.frame_ids,
        "predictions": received.predictions,
        "image_sizes": received.image_sizes,
        "error_frames": received.error_frames,
        "first_errors": received.first_errors,
        "first_metadata": describe_metadata(received.first_metadata),
        "last_metadata": describe_metadata(received.last_metadata),
        "processing_complete": timeline.has("processing_complete"),
        "closed_because": watchdog.closed_because,
        "exception": exception,
        "warnings": log.warnings,
        "upload": describe_upload(timeline, options.video),
        "seconds": describe_timings(timeline),
        "cpu": describe_cpu(timeline, received.messages),
        "peak_rss_mb": rounded(peak_rss_mb(), 1),
    }


def describe_metadata(metadata):
    if metadata is None:
        return None
    fields = ("frame_id", "pts", "time_base", "declared_fps", "measured_fps")
    described = {field: getattr(metadata, field) for field in fields}
    return dict(described, received_at=metadata.received_at.isoformat())


def describe_upload(timeline: Timeline, video: Path):
    if not timeline.has("upload_first_chunk"):
        return None
    size = os.path.getsize(video)
    wall = timeline.wall("upload_first_chunk", "upload_acknowledged")
    return {
        "bytes": size,
        "seconds": rounded(wall),
        "mb_per_s": rounded(size / 1e6 / wall, 2) if wall else None,
        "cpu_seconds": rounded(timeline.cpu("upload_first_chunk", "upload_acknowledged")),
    }


def describe_timings(timeline: Timeline) -> dict:
    spans = {
        "import": ("start", "imported"),
        "start_to_post": ("imported", "post"),
        "post_to_answer": ("post", "answer"),
        "answer_to_channel_open": ("answer", "channel_open"),
        "answer_to_first_data": ("answer", "first_data"),
        "first_to_last_data": ("first_data", "last_data"),
        "total": ("start", "end"),
    }
    return {name: rounded(timeline.wall(*span)) for name, span in spans.items()}


def describe_cpu(timeline: Timeline, messages: int) -> dict:
    receiving = timeline.cpu("first_data", "last_data")
    per_frame = 1000 * receiving / (messages - 1) if receiving is not None and messages > 1 else None
    return {
        "total_seconds": rounded(cpu_seconds()),
        "receiving_seconds": rounded(receiving),
        "receiving_ms_per_frame": rounded(per_frame, 2),
    }


def rounded(value, digits: int = 3):
    return None if value is None else round(value, digits)


if __name__ == "__main__":
    sys.exit(main())
