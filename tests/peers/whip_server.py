#!/usr/bin/env python3
"""A WHIP server after RFC 9725, on aiortc: takes video in, decodes it, and tells what it saw.

It shares no code with the project. Says `listening on URL` when it is ready, and then one JSON line about each session
when that is over. `GET /elsewhere` is where `--redirect` sends the offers. Needs aiohttp, aiortc, OpenCV and numpy.
"""

import argparse
import asyncio
import json
import secrets
import sys

from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from marked_frames import read_marker

SDP = "application/sdp"
# Seconds from the end of a connection to the request that ends its session.
GRACE = 5


def main() -> None:
    options = read_options()
    server = Server(options)
    web.run_app(server.application(), host="127.0.0.1", port=options.port, print=None, handle_signals=True)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", help="what has to be shown; default is nothing")
    parser.add_argument("--redirect", action="store_true", help="send offers elsewhere, by 307")
    parser.add_argument("--ice-server", action="append", default=[], metavar="URL", help="named by Link; may be repeated")
    return parser.parse_args()


class Server:
    def __init__(self, options):
        self.options = options
        self.sessions = {}

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/whip", self.redirect if self.options.redirect else self.publish)
        application.router.add_post("/elsewhere", self.publish)
        application.router.add_delete("/session/{id}", self.unpublish)
        application.on_startup.append(self.say_ready)
        application.on_shutdown.append(self.close)
        return application

    async def say_ready(self, _application) -> None:
        say(f"listening on http://127.0.0.1:{self.options.port}/whip")

    async def redirect(self, _request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async def publish(self, request) -> web.Response:
        self.check_token(request)
        if request.content_type != SDP:
            raise web.HTTPUnsupportedMediaType(text=f"the offer has to be {SDP}")
        session = Session(request)
        answer = await session.answer(await request.text())
        self.sessions[session.id] = session
        response = web.Response(status=201, text=answer, content_type=SDP)
        response.headers["Location"] = f"/session/{session.id}"
        response.headers["ETag"] = f'"{session.id}"'
        for url in self.options.ice_server:
            response.headers.add("Link", f'<{url}>; rel="ice-server"')
        return response

    async def unpublish(self, request) -> web.Response:
        self.check_token(request)
        session = self.sessions.pop(request.match_info["id"], None)
        if session is None:
            raise web.HTTPNotFound
        await session.end("DELETE")
        return web.Response()

    async def close(self, _application) -> None:
        for session in self.sessions.values():
            await session.end("the server stopped")

    def check_token(self, request) -> None:
        token = self.options.token
        if token and request.headers.get("Authorization") != f"Bearer {token}":
            raise web.HTTPUnauthorized(text="another token is needed")


class Session:
    """One publisher, and the frames that came from it."""

    def __init__(self, request):
        self.id = secrets.token_hex(8)
        self.path = request.path
        self.peer = RTCPeerConnection()
        self.peer.on("track", self.receive)
        self.peer.on("connectionstatechange", self.follow)
        self.receiving = None
        self.report = None
        self.frames, self.numbers, self.sizes = 0, [], set()

    async def answer(self, offer: str) -> str:
        self.offer = offer
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return self.peer.localDescription.sdp

    def receive(self, track) -> None:
        self.receiving = asyncio.ensure_future(self.read(track))

    async def read(self, track) -> None:
        try:
            while True:
                frame = await track.recv()
                self.frames += 1
                self.sizes.add(f"{frame.width}x{frame.height}")
                self.numbers.append(read_marker(frame.to_ndarray(format="bgr24")))
                if self.frames == 1:
                    say(f"first frame of {self.id}")
        except MediaStreamError:
            pass

    async def follow(self) -> None:
        state = self.peer.connectionState
        if state in ("closed", "failed"):
            # A client may close the connection before it says so.
            await asyncio.sleep(GRACE)
            await self.end(f"the connection is {state}")

    async def end(self, why: str) -> None:
        if self.report is not None:
            return
        self.report = {"ended_by": why, "path": self.path, "frames": self.frames}
        await self.peer.close()
        if self.receiving is not None:
            await self.receiving
        seen = [number for number in self.numbers if number is not None]
        self.report |= {
            "frames": self.frames,
            "unreadable": self.numbers.count(None),
            "in_order": all(a < b for a, b in zip(seen, seen[1:])),
            "first": seen[0] if seen else None,
            "last": seen[-1] if seen else None,
            "sizes": sorted(self.sizes),
            "media": [line for line in self.offer.splitlines() if line.startswith("m=")],
        }
        say("session " + json.dumps(self.report))


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
