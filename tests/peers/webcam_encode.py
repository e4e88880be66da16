#!/usr/bin/env python3
"""Does with a webcam's pictures what the Python SDK does until they are encoded; prints one JSON line about its cost.

The pictures are raw YUYV, 4:2:2, one behind the other. `cv2.VideoCapture` makes BGR of what a V4L2 camera gives with
`cvtColor`, which is what is called here: its other readers, which take files, convert in another way. The rest are the
steps of the SDK's webcam track (`_WebcamVideoTrack`) and of the encoder that its WebRTC library runs behind it.
"""

import argparse
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
from aiortc.codecs import get_encoder
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av import VideoFrame

from probes import cpu_seconds

FRAME_TICKS = VIDEO_CLOCK_RATE // 30


def main() -> None:
    options = parse_options()
    pictures = read(options)
    encoder = get_encoder(RTCRtpCodecParameters(mimeType=f"video/{options.codec}", clockRate=VIDEO_CLOCK_RATE))
    encoder.target_bitrate = options.bitrate
    encoded = size = 0
    # All threads: OpenCV and the encoders have some of their own.
    begin = cpu_seconds()
    for number, picture in enumerate(itertools.islice(there_and_back(pictures), options.frames)):
        payloads, _ = encoder.encode(video_frame(picture, number))
        encoded += bool(payloads)
        size += sum(map(len, payloads))
    used = cpu_seconds() - begin
    report = {
        "frames": options.frames,
        "encoded": encoded,
        "bytes": size,
        "bitrate": encoder.target_bitrate,
        "cpu_ms_per_frame": 1000 * used / options.frames,
    }
    print(json.dumps(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="FILE")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--codec", choices=("VP8", "H264"), default="VP8")
    parser.add_argument("--bitrate", type=int, default=1_500_000, metavar="BITS", help="per second")
    parser.add_argument("--frames", type=int, default=300, metavar="N", help="encode so many")
    return parser.parse_args()


def read(options) -> np.ndarray:
    picture = (options.height, options.width, 2)
    pictures = np.fromfile(options.pictures, np.uint8)
    return pictures[: pictures.size // np.prod(picture) * np.prod(picture)].reshape(-1, *picture)


def there_and_back(pictures):
    """First to last, back to the first, and so on: without a cut."""
    return itertools.cycle([*pictures, *pictures[-2:0:-1]])


def video_frame(picture: np.ndarray, number: int) -> VideoFrame:
    image = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_YUYV)
    frame = VideoFrame.from_ndarray(image, format="bgr24")
    frame.pts, frame.time_base = number * FRAME_TICKS, VIDEO_TIME_BASE
    return frame


if __name__ == "__main__":
    main()
