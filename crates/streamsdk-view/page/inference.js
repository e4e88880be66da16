// One session with a worker, from offer to end: what goes there, and what comes of it.

import { ApiError, postSession } from "./api.js";
import { gathered } from "./link.js";
import { Chunks, readResult, textOf } from "./results.js";
import { upload } from "./upload.js";

const CONNECT_MS = 10_000;
const SILENCE_MS = 5_000;

/**
 * @typedef {object} Wish What a session is to be.
 * @property {{kind: "camera", stream: MediaStream}|{kind: "file", file: File}|{kind: "address", url: string}} source
 * @property {string} workflow
 * @property {object} parameters
 * @property {?string} image Which output is the picture; null is the first that the worker has.
 * @property {string[]} data Which outputs come as data.
 * @property {boolean} asVideo Whether pictures are to come as video; otherwise each comes with its data.
 */

/**
 * @typedef {object} InferenceEvents
 * @property {() => void} onopen
 * @property {(stream: MediaStream) => void} ontrack
 * @property {(message: object, text: string) => void} onmessage
 * @property {(sent: number) => void} onprogress Of the file.
 * @property {(end: {kind: "final"|"lost"|"refused"|"unusable", reason: string}) => void} onend Once; not called
 *   where the page closes the session.
 */

export class InferenceLink {
  #wish;
  #events;
  #peer = new RTCPeerConnection({ iceServers: [] });
  #results = this.#peer.createDataChannel("inference", { ordered: true });
  #chunks = new Chunks();
  /** Results are read one after the other, although reading takes its time. */
  #reading = Promise.resolve();
  #isClosed = false;
  #timer = null;

  /** @param {Wish} wish @param {InferenceEvents} events */
  constructor(wish, events) {
    this.#wish = wish;
    this.#events = events;
    this.#peer.ontrack = ({ track, streams }) =>
      this.#ifOpen(() => events.ontrack(streams[0] ?? new MediaStream([track])));
    this.#peer.onconnectionstatechange = () => this.#connectionChanged();
    this.#results.binaryType = "arraybuffer";
    this.#results.onopen = () => this.#opened();
    this.#results.onclose = () => this.#end("lost", "the connection was closed");
    this.#results.onmessage = ({ data }) => this.#ifOpen(() => this.#received(data));
  }

  async open() {
    try {
      this.#addSource(this.#wish.source);
      await this.#peer.setLocalDescription(await this.#peer.createOffer());
      await gathered(this.#peer);
      const { type, sdp } = this.#peer.localDescription;
      const answer = await postSession({ ...request(this.#wish), webrtc_offer: { type, sdp } });
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => this.#neverConnected(), CONNECT_MS);
      await this.#peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {string[]} data Which outputs come as data from now on. */
  setOutputs(data) {
    this.#wish = { ...this.#wish, data };
    if (this.#results.readyState === "open")
      this.#results.send(JSON.stringify({ data_output: dataOutputs(this.#wish) }));
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
    clearTimeout(this.#timer);
    this.#peer.close();
  }

  #addSource(source) {
    const receives = this.#wish.asVideo;
    if (source.kind === "camera") {
      const [track] = source.stream.getVideoTracks();
      const direction = receives ? "sendrecv" : "sendonly";
      this.#peer.addTransceiver(track, { direction, streams: [source.stream] });
      return;
    }
    if (receives) this.#peer.addTransceiver("video", { direction: "recvonly" });
    if (source.kind !== "file") return;
    const channel = this.#peer.createDataChannel("video_upload", { ordered: true });
    channel.onopen = () => this.#ifOpen(() => this.#upload(channel, source.file));
  }

  #upload(channel, file) {
    const progressed = (sent) => this.#ifOpen(() => this.#events.onprogress(sent));
    upload(channel, file, progressed).catch((error) =>
      this.#end("unusable", `the file cannot be read: ${error.message}`),
    );
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#ifOpen(() => this.#events.onopen());
  }

  #received(data) {
    const whole = data instanceof ArrayBuffer && this.#chunks.push(data);
    if (!whole) return;
    this.#reading = this.#reading.then(async () => {
      const text = await textOf(whole.bytes).catch(() => "");
      const result = readResult(whole.frame, text);
      if (!result) return;
      this.#ifOpen(() => this.#told(result, text));
    });
  }

  #told({ message, isLast, reason }, text) {
    if (isLast) return this.#end("final", reason || message.errors.map(String).join("; "));
    this.#events.onmessage(message, text);
  }

  #connectionChanged() {
    const state = this.#peer.connectionState;
    if (state === "failed") this.#end("lost", "the connection failed");
    if (state !== "disconnected") return;
    clearTimeout(this.#timer);
    const lost = () => this.#peer.connectionState !== "connected" && this.#end("lost", "the worker is silent");
    this.#timer = setTimeout(lost, SILENCE_MS);
  }

  #neverConnected() {
    this.#end("lost", `no connection (WebRTC) was made within ${CONNECT_MS / 1000} seconds`);
  }

  #failed(error) {
    if (error instanceof ApiError)
      return this.#end(error.status === 0 ? "lost" : "refused", error.message);
    this.#end("unusable", `this browser made no connection: ${error.message}`);
  }

  #end(kind, reason) {
    this.#ifOpen(() => {
      this.close();
      this.#events.onend({ kind, reason });
    });
  }

  #ifOpen(act) {
    if (!this.#isClosed) act();
  }
}

/** What a worker is asked for, but for the offer. @param {Wish} wish */
export function request(wish) {
  const { source, workflow, parameters, image, asVideo } = wish;
  const named = image ? [image] : [];
  const asked = {
    workflow_configuration: {
      type: "WorkflowConfiguration",
      image_input_name: "image",
      workflows_parameters: parameters,
      workspace_name: "local",
      workflow_id: workflow,
    },
    webrtc_realtime_processing: true,
    stream_output: asVideo ? named : [],
    data_output: dataOutputs(wish),
  };
  // What is not said is found out by the worker.
  if (asVideo && named.length === 0) delete asked.stream_output;
  if (source.kind === "file") asked.video_file_upload = true;
  if (source.kind === "address")
    asked[source.url.startsWith("rtsp") ? "rtsp_url" : "mjpeg_url"] = source.url;
  return asked;
}

/** All that comes as data: the picture as well, where that is how it comes. @param {Wish} wish */
export function dataOutputs({ image, data, asVideo }) {
  return asVideo ? data : [...new Set([...data, image ?? "image"])];
}
