#!/usr/bin/env python3
"""Serves a video file as an MJPEG camera does, to everybody from its beginning, and says where. Needs FFmpeg's program."""

import argparse
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("port", nargs="?", type=int, default=0, help="default is any that is free")
    parser.add_argument("--endless", action="store_true", help="play it again and again; default is once")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), camera(options.file, options.endless))
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


def camera(file: str, is_endless: bool) -> type[BaseHTTPRequestHandler]:
    # In real time, and with little loss: what the frames show has to be readable.
    times = ["-stream_loop", "-1"] if is_endless else []
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", *times, "-i", file]
    command += ["-an", "-c:v", "mjpeg", "-q:v", "2", "-f", "mpjpeg", "-"]

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=ffmpeg")
            self.end_headers()
            with subprocess.Popen(command, stdout=subprocess.PIPE) as encoder:
                try:
                    # Each frame at once: none waits until there is more.
                    while piece := encoder.stdout.read1(64 * 1024):
                        self.wfile.write(piece)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    encoder.kill()

    return Camera


if __name__ == "__main__":
    main()
