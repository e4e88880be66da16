// One WebRTC connection to the server, from offer to end.

import { ApiError, endWhep, postWhep } from "./api.js";
import { Parts, readImageMessage, readTextMessage } from "./message.js";

/** A connection that is not made by then is not going to be. */
const CONNECT_MS = 5_000;
/** Without any server asked, addresses are gathered in a moment. */
const GATHER_MS = 2_000;
/** A path that is silent may come back. */
const SILENCE_MS = 3_000;

/**
 * @typedef {object} LinkEnd
 * @property {"final"|"over"|"lost"|"unreachable"|"refused"|"unusable"} kind "final" is
 *   the end of the stream, "unusable" an offer that the server cannot use.
 * @property {string} reason In words.
 * @property {number} status Of the server's answer, where it refused; 0 otherwise.
 * @property {number} retryAfterMs
 */

/**
 * @typedef {object} LinkEvents
 * @property {(hello: object) => void} onhello
 * @property {(message: object, text: string) => void} onframe
 * @property {(image: {message: object, text: string, jpeg: Uint8Array}) => void} onimage
 * @property {(stream: MediaStream) => void} ontrack
 * @property {(end: LinkEnd) => void} onend Once; not called where the page closes the link.
 */

/** Whether this browser lets a page see the frames of a video before they are decoded. */
const CAN_TAKE_INSIDE = typeof RTCRtpScriptTransform === "function";

/** Whether this browser can do it at all. */
export function canConnect() {
  return typeof RTCPeerConnection === "function";
}

export class Link {
  #events;
  #peer = new RTCPeerConnection({ iceServers: [] });
  #channel = this.#peer.createDataChannel("view", { ordered: true });
  #id = null;
  #parts = new Parts();
  #isClosed = false;
  #outputs = null;
  #connectTimer = null;
  #silenceTimer = null;
  #worker = null;

  /** @param {LinkEvents} events */
  constructor(events) {
    this.#events = events;
    const { receiver } = this.#peer.addTransceiver("video", { direction: "recvonly" });
    if (CAN_TAKE_INSIDE) receiver.transform = new RTCRtpScriptTransform(this.#takeInside());
    this.#peer.ontrack = ({ track, streams }) =>
      this.#ifOpen(() => {
        events.ontrack(streams[0] ?? new MediaStream([track]));
      });
    this.#peer.onconnectionstatechange = () => this.#connectionChanged();
    this.#channel.binaryType = "arraybuffer";
    this.#channel.onopen = () => this.#opened();
    this.#channel.onclose = () => this.#end("lost", "the connection was closed");
    this.#channel.onmessage = ({ data }) => this.#ifOpen(() => this.#received(data));
  }

  /** @param {boolean} images Whether pictures are to come one by one instead of as video. */
  async open(stream, images) {
    try {
      await this.#peer.setLocalDescription(await this.#peer.createOffer());
      await gathered(this.#peer);
      const { sdp } = this.#peer.localDescription;
      const { id, answer } = await postWhep(stream, sdp, { images, inside: CAN_TAKE_INSIDE });
      this.#id = id;
      // It may have been closed while the server answered.
      if (this.#isClosed) return endWhep(id);
      this.#connectTimer = setTimeout(() => this.#neverConnected(), CONNECT_MS);
      await this.#peer.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {?string[]} outputs Which outputs the server is to send; null is all of them. */
  setOutputs(outputs) {
    if (JSON.stringify(outputs) === JSON.stringify(this.#outputs)) return;
    this.#outputs = outputs;
    if (this.#channel.readyState === "open") this.#sendOutputs();
  }

  /** Has the browser show pictures so much later than it could, in milliseconds. */
  delayPictures(milliseconds) {
    for (const receiver of this.#peer.getReceivers()) receiver.jitterBufferTarget = milliseconds;
  }

  /** What the browser knows of the connection. */
  statistics() {
    return this.#peer.getStats();
  }

  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#silenceTimer);
    this.#peer.close();
    this.#worker?.terminate();
    endWhep(this.#id);
  }

  /** The worker that sees each frame of a video before it is decoded, and takes out what is known about it. */
  #takeInside() {
    this.#worker = new Worker(new URL("inside_worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#ifOpen(() => this.#received(data));
    return this.#worker;
  }

  #opened() {
    clearTimeout(this.#connectTimer);
    // All outputs are what the server sends anyway.
    if (this.#outputs !== null) this.#sendOutputs();
  }

  #sendOutputs() {
    this.#channel.send(JSON.stringify({ outputs: this.#outputs }));
  }

  #received(data) {
    if (typeof data !== "string") return this.#receivedPart(data);
    const message = readTextMessage(data);
    if (message?.type === "hello") this.#events.onhello(message);
    if (message?.type === "frame") this.#events.onframe(message, data);
    if (message?.type === "over") {
      const reason = String(message.reason ?? "nothing more comes");
      this.#end(message.final === true ? "final" : "over", reason);
    }
  }

  #receivedPart(part) {
    const whole = this.#parts.push(part);
    const image = whole && readImageMessage(whole);
    if (!image) return;
    if (image.jpeg.length > 0) this.#events.onimage(image);
    else this.#events.onframe(image.message, image.text);
  }

  #connectionChanged() {
    const state = this.#peer.connectionState;
    clearTimeout(this.#silenceTimer);
    if (state === "failed") {
      const wasOpen = this.#channel.readyState === "open";
      this.#end(wasOpen ? "lost" : "unreachable", "the connection failed");
    }
    if (state === "disconnected") {
      const lost = () => this.#end("lost", "nothing comes over the connection any more");
      this.#silenceTimer = setTimeout(lost, SILENCE_MS);
    }
  }

  #neverConnected() {
    const seconds = CONNECT_MS / 1000;
    this.#end("unreachable", `no connection (WebRTC) was made within ${seconds} seconds`);
  }

  #failed(error) {
    if (error instanceof ApiError) {
      const kind = error.status === 0 ? "lost" : error.status === 400 ? "unusable" : "refused";
      return this.#end(kind, error.message, error);
    }
    this.#end("unusable", `this browser made no connection: ${error.message}`);
  }

  #end(kind, reason, { status = 0, retryAfterMs = 0 } = {}) {
    this.#ifOpen(() => {
      this.close();
      this.#events.onend({ kind, reason, status, retryAfterMs });
    });
  }

  #ifOpen(act) {
    if (!this.#isClosed) act();
  }
}

/** Resolves when all addresses are in the local description, or after a moment. */
export function gathered(peer) {
  return new Promise((resolve) => {
    const isDone = () => peer.iceGatheringState === "complete";
    if (isDone()) return resolve();
    peer.addEventListener("icegatheringstatechange", () => isDone() && resolve());
    setTimeout(resolve, GATHER_MS);
  });
}
