#!/usr/bin/env python3
"""Serves a video file as an MJPEG camera does, to everybody from its beginning, and says where. Needs FFmpeg's program."""

import argparse
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("port", nargs="?", type=int, default=0, help="default is any that is free")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), camera(options.file))
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


def camera(file: str) -> type[BaseHTTPRequestHandler]:
    # In real time, and with little loss: what the frames show has to be readable.
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", file]
    command += ["-an", "-c:v", "mjpeg", "-q:v", "2", "-f", "mpjpeg", "-"]

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=ffmpeg")
            self.end_headers()
            with subprocess.Popen(command, stdout=subprocess.PIPE) as encoder:
                try:
                    shutil.copyfileobj(encoder.stdout, self.wfile, 16 * 1024)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    encoder.kill()

    return Camera


if __name__ == "__main__":
    main()
