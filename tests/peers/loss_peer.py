#!/usr/bin/env python3
"""Both ends of a file session with nothing but aiortc in them, for measuring paths that lose packets.

    loss_peer.py serve HOST PORT RESULTS BYTES WINDOW
    loss_peer.py session URL FILE

The server says "listening on URL". It takes a whole upload, and answers with so many results of about so many bytes
each, so many ahead of the last that was acknowledged, as the real server does with a file that takes it no time. The
session uploads a file as the real SDK does, acknowledges each result, and prints one line of JSON: after how many
seconds the first and the last result came, and how many came. Importing takes no part in that.
"""

import asyncio
import base64
import gzip
import json
import random
import struct
import sys
import time

from aiohttp import ClientSession, web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

PATH = "/initialise_webrtc_worker"
# As the SDK has it.
CHUNK = 49152
BUFFER_LIMIT = 262144
POLL = 0.01
UPLOAD_HEADER = struct.Struct("<II")
RESULT_HEADER = struct.Struct("<III")


def connection():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


class Upload:
    """Tells when all chunks are there."""

    def __init__(self):
        self._chunks = set()
        self.complete = asyncio.Event()

    def take(self, message):
        index, total = UPLOAD_HEADER.unpack_from(message)
        self._chunks.add(index)
        if len(self._chunks) == total:
            self.complete.set()


class Server:
    def __init__(self, results, size, window):
        self._results, self._window = results, window
        # It cannot be compressed, as pictures cannot.
        noise = random.Random(size).randbytes(size)
        self._output = {"noise": base64.b64encode(noise).decode()}
        self._sessions = set()

    async def initialise(self, request):
        offer = (await request.json())["webrtc_offer"]
        peer = connection()
        session = asyncio.ensure_future(self._serve(peer, self._channels(peer)))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)
        await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
        await peer.setLocalDescription(await peer.createAnswer())
        context = {"request_id": None, "pipeline_id": None}
        answer = {"sdp": peer.localDescription.sdp, "type": "answer"}
        return web.json_response({"status": "success", "context": context, **answer})

    def _channels(self, peer):
        channels = {"upload": Upload(), "acked": None, "changed": asyncio.Event(), "inference": None}

        def acknowledged(text):
            ack = json.loads(text).get("ack")
            if ack is not None:
                channels["acked"] = max(ack, channels["acked"] or 0)
                channels["changed"].set()

        @peer.on("datachannel")
        def opened(channel):
            if channel.label == "video_upload":
                channel.on("message", channels["upload"].take)
            else:
                channels["inference"] = channel
                channel.on("message", acknowledged)

        return channels

    async def _serve(self, peer, channels):
        ended = asyncio.Event()

        @peer.on("connectionstatechange")
        def changed():
            if peer.connectionState in ("closed", "failed"):
                ended.set()

        sending = asyncio.ensure_future(self._send(channels))
        over = asyncio.ensure_future(ended.wait())
        await asyncio.wait([sending, over], return_when=asyncio.FIRST_COMPLETED)
        if not ended.is_set():
            # The client leaves when it has everything.
            await asyncio.wait([over], timeout=120)
        sending.cancel()
        over.cancel()
        await peer.close()

    async def _send(self, channels):
        await channels["upload"].complete.wait()
        for number in range(1, self._results + 1):
            while channels["acked"] is not None and number > channels["acked"] + self._window:
                channels["changed"].clear()
                await channels["changed"].wait()
            await self._send_result(channels["inference"], number, self._output, False)
        await self._send_result(channels["inference"], self._results + 1, None, True)

    async def _send_result(self, channel, number, output, complete):
        shown = min(number, self._results)
        metadata = {"frame_id": shown, "received_at": "2026-01-01T00:00:00.000001", "pts": shown - 1}
        metadata.update({"time_base": 1 / 30, "declared_fps": 30.0, "measured_fps": None, "width": 160, "height": 120})
        message = {"serialized_output_data": output, "video_metadata": metadata, "errors": []}
        message.update({"processing_complete": complete, "termination_reason": None})
        payload = json.dumps(message).encode()
        if output is not None:
            payload = gzip.compress(payload, 1)
        parts = [payload[at : at + CHUNK] for at in range(0, len(payload), CHUNK)]
        for index, part in enumerate(parts):
            while channel.bufferedAmount > BUFFER_LIMIT:
                await asyncio.sleep(POLL)
            channel.send(RESULT_HEADER.pack(number, index, len(parts)) + part)
            # The real server takes a breath as well, and lets others run.
            await asyncio.sleep(0.001)


async def serve(host, port, results, size, window):
    application = web.Application(client_max_size=1 << 24)
    application.router.add_post(PATH, Server(results, size, window).initialise)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    print(f"listening on http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


class Results:
    def __init__(self, channel, started):
        self._channel, self._started = channel, started
        self._parts = {}
        self.count, self.first, self.last = 0, None, None
        self.complete = asyncio.Event()

    def take(self, message):
        number, index, total = RESULT_HEADER.unpack_from(message)
        parts = self._parts.setdefault(number, {})
        parts[index] = message[RESULT_HEADER.size :]
        if len(parts) < total:
            return
        del self._parts[number]
        payload = b"".join(parts[index] for index in sorted(parts))
        if payload[:2] == b"\x1f\x8b":
            payload = gzip.decompress(payload)
        self._result(json.loads(payload))

    def _result(self, result):
        if result["processing_complete"]:
            self.complete.set()
            return
        now = time.monotonic() - self._started
        self.first = self.first or now
        self.last = now
        self.count += 1
        self._channel.send(json.dumps({"ack": result["video_metadata"]["frame_id"]}))


async def upload(channel, file):
    total = -(-len(file) // CHUNK)
    for index in range(total):
        while channel.bufferedAmount > BUFFER_LIMIT:
            await asyncio.sleep(POLL)
        channel.send(UPLOAD_HEADER.pack(index, total) + file[index * CHUNK : (index + 1) * CHUNK])
        await asyncio.sleep(0)


async def session(url, path):
    with open(path, "rb") as source:
        file = source.read()
    started = time.monotonic()
    peer = connection()
    inference, uploading = peer.createDataChannel("inference"), peer.createDataChannel("video_upload")
    results = Results(inference, started)
    inference.on("message", results.take)
    opened = asyncio.Event()
    uploading.on("open", opened.set)
    await peer.setLocalDescription(await peer.createOffer())
    async with ClientSession() as http:
        async with http.post(url + PATH, json=request(peer.localDescription)) as response:
            answer = await response.json()
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    await opened.wait()
    await upload(uploading, file)
    await results.complete.wait()
    print(json.dumps({"first": results.first, "last": results.last, "results": results.count}), flush=True)
    await peer.close()


def request(offer):
    configuration = {
        "type": "WorkflowConfiguration",
        "image_input_name": "image",
        "workflows_parameters": {},
        "workspace_name": "local",
        "workflow_id": "passthrough",
    }
    return {
        "api_key": None,
        "workflow_configuration": configuration,
        "webrtc_offer": {"type": offer.type, "sdp": offer.sdp},
        "webrtc_realtime_processing": False,
        "stream_output": [],
        "data_output": ["image"],
        "video_file_upload": True,
    }


def main():
    task, *arguments = sys.argv[1:]
    if task == "serve":
        host, *numbers = arguments
        asyncio.run(serve(host, *map(int, numbers)))
    else:
        asyncio.run(session(*arguments))


if __name__ == "__main__":
    main()
