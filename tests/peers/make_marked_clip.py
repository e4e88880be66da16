#!/usr/bin/env python3
"""Writes a video of marked frames, numbered from 0, as H264 in MP4 with a constant frame rate.

There are no B-frames, so that it can be served over RTSP as it is, and the profile is one that every WebRTC peer takes. Needs numpy, OpenCV and the ffmpeg program.
"""

import argparse
import subprocess
import sys

from marked_frames import RATE, Scene

KEY_FRAME_INTERVAL = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", metavar="OUT.mp4")
    parser.add_argument("--frames", type=int, default=300, metavar="N", help="default is %(default)s")
    parser.add_argument("--size", type=size, default=(640, 480), metavar="WxH", help="default is 640x480")
    options = parser.parse_args()
    encoder = subprocess.Popen(encoder_command(options), stdin=subprocess.PIPE)
    scene = Scene(*options.size)
    for number in range(options.frames):
        encoder.stdin.write(scene.frame(number))
    encoder.stdin.close()
    return encoder.wait()


def size(text: str):
    width, height = text.split("x")
    return int(width), int(height)


def encoder_command(options) -> list:
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", "%dx%d" % options.size, "-framerate", str(RATE)]
    # Named by codec, so that whichever H264 encoder this FFmpeg has is taken.
    h264 = ["-c:v", "h264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-b:v", "2M", "-bf", "0"]
    h264 += ["-g", str(KEY_FRAME_INTERVAL)]
    return ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"] + raw + ["-i", "-"] + h264 + [options.output]


if __name__ == "__main__":
    sys.exit(main())
