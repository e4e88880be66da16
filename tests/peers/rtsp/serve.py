#!/usr/bin/python3
"""Serves a video file over RTSP as it is, to everybody from its beginning, and says where.

The file is H264 in MP4 without B-frames. When it has been played, clients see the end of the stream. They choose
between UDP and TCP. Needs GStreamer's RTSP server, whose bindings come with the distribution and for its own Python.
"""

import argparse
import signal
import subprocess
import sys
import tempfile

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PATH = "/clip"
ELEMENTS = ("filesrc", "qtdemux", "h264parse", "rtph264pay")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", metavar="FILE.mp4")
    parser.add_argument("port", nargs="?", type=int, default=0, help="default is any that is free")
    parser.add_argument("--address", default="127.0.0.1", help="default is %(default)s")
    parser.add_argument("--udp", action="store_true", help="refuse TCP")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="play it so often; default is once")
    parser.add_argument("--check", action="store_true", help="only see whether all that it needs is there")
    options = parser.parse_args()
    Gst.init(None)
    if options.check:
        missing = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
        sys.exit(f"these elements are missing: {', '.join(missing)}" if missing else 0)
    if options.file is None:
        parser.error("which file?")
    if options.times == 1:
        serve(options.file, options)
        return
    with tempfile.NamedTemporaryFile(suffix=".mp4") as repeated:
        repeat(options.file, options.times, repeated.name)
        serve(repeated.name, options)


def repeat(file: str, times: int, output: str) -> None:
    """One after the other in one file, with times that go on."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-stream_loop", str(times - 1), "-i", file]
    subprocess.run(command + ["-c", "copy", output], check=True)


def serve(file: str, options) -> None:
    factory = GstRtspServer.RTSPMediaFactory()
    location = file.replace("\\", "\\\\").replace('"', '\\"')
    factory.set_launch(
        f'( filesrc location="{location}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )'
    )
    factory.set_shared(False)
    if options.udp:
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(str(options.port))
    server.get_mount_points().add_factory(PATH, factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {options.port}")
    print(f"listening on rtsp://{options.address}:{server.get_bound_port()}{PATH}", flush=True)
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    loop.run()


if __name__ == "__main__":
    main()
