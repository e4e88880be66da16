#!/usr/bin/env python3
"""A server that answers every HTTP request alike.

    http_answers.py ADDRESS:PORT STATUS [--body TEXT] [--late SECONDS] [--certificate FILE --key FILE]

Says "listening" when it does. With a certificate it speaks TLS. With --late its clock is so many seconds behind.
"""

import argparse
import http.server
import ssl
import time


def handler(status, body, late):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_CONNECT = answer

        def date_time_string(self, timestamp=None):
            return super().date_time_string((timestamp or time.time()) - late)

        def log_message(self, *_):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # Whoever does not trust it hangs up.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("place")
    parser.add_argument("status", type=int)
    parser.add_argument("--body", default="{}")
    parser.add_argument("--late", type=float, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    given = parser.parse_args()
    address, port = given.place.rsplit(":", 1)
    server = Server((address, int(port)), handler(given.status, given.body.encode(), given.late))
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)
        # Shaken hands with by the thread that reads, so that nobody holds the others up.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
