// Runs in the browser: sessions of the SDK, by its public API and nothing else.

import { connectors, streams, webrtc } from "@roboflow/inference-sdk";

// After the last message the server should close the channel.
const GRACE_AFTER_COMPLETION_MS = 5_000;
// What comes with the end of the connection, which follows that of the channel, should not look like an error.
const AFTERMATH_MS = 2_500;
// The SDK says this six seconds after every offer that was made without a STUN server, whatever came of it.
const SAID_OF_EVERY_OFFER = "[ICE] timeout with NO srflx candidate";
const SEEN_ENOUGH = "it has seen enough";
const DRAWING = { width: 320, height: 240, framesPerSecond: 25 };
const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 } };

async function main() {
  const complaints = collectComplaints();
  const options = await (await fetch("/options")).json();
  const reports = [];
  for (let session = 0; session < options.sessions; session += 1) reports.push(await runSession(options));
  const last = reports.pop();
  await fetch("/report", { method: "POST", body: JSON.stringify({ ...last, earlier: reports, ...complaints }) });
}

/** What the SDK and the page complain about, which nobody else can see without driving the browser. */
function collectComplaints() {
  const complaints = { console_errors: [], console_warnings: [] };
  const text = (value) => (value?.error ? `${value.type}: ${value.error}` : String(value));
  console.error = (...values) => {
    const complaint = values.map(text).join(" ");
    if (!complaint.startsWith(SAID_OF_EVERY_OFFER)) complaints.console_errors.push(complaint);
  };
  console.warn = (...values) => complaints.console_warnings.push(values.map(text).join(" "));
  addEventListener("error", (event) => complaints.console_errors.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => complaints.console_errors.push(String(event.reason)));
  return complaints;
}

async function runSession(options) {
  const timeline = new Timeline();
  const received = new Received(timeline);
  const ending = new Ending(options.timeoutMs);
  let exception = null;
  try {
    const connection = await connect(options, timeline, received, ending);
    connection.dataChannel.addEventListener("close", () => ending.end("server"));
    if (options.live) {
      await play(await connection.remoteStream(), timeline);
      if (options.enough !== null) received.enough(options).then(() => ending.end(SEEN_ENOUGH));
    }
    await ending.reached;
    timeline.mark("end");
    if (ending.reason !== SEEN_ENOUGH) await sleep(AFTERMATH_MS);
    await connection.cleanup();
  } catch (error) {
    exception = String(error);
  }
  return { ...received.summary(), closed_because: ending.reason, exception, seconds: timeline.seconds() };
}

async function connect(options, timeline, received, ending) {
  const common = {
    connector: options.backend
      ? connectors.withProxyUrl("/backend")
      : connectors.withApiKey(options.apiKey, { serverUrl: options.server }),
    // Without an empty list the SDK asks a public STUN server.
    wrtcParams: { ...options.params, iceServers: [] },
    onData: (message) => {
      const isFirst = received.messages === 0;
      received.data(message);
      if (message.processing_complete) ending.completed();
      else if (isFirst && options.thenOutputs)
        connecting.then((connection) => connection.reconfigureOutputs({ dataOutput: options.thenOutputs }));
    },
    hooks: {
      onPeerConnectionCreated: (peer) =>
        peer.addEventListener("connectionstatechange", () => timeline.mark(peer.connectionState)),
      onOfferCreated: () => timeline.mark("offer"),
    },
  };
  const connecting = open(options.live, common, received);
  return connecting;
}

async function open(live, common, received) {
  switch (live) {
    case "drawing":
      return webrtc.useStream({ ...common, source: drawing() });
    case "camera":
      return webrtc.useStream({ ...common, source: await streams.useCamera({ video: CAMERA, audio: false }) });
    case null:
      return webrtc.useVideoFile({
        ...common,
        file: await fetchFile("/video"),
        onUploadProgress: (done, total) => received.uploaded(done, total),
      });
    default:
      return webrtc.useRtspStream({ ...common, rtspUrl: live });
  }
}

/** A square that moves, as a camera would show it. */
function drawing() {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: DRAWING.width, height: DRAWING.height });
  const context = canvas.getContext("2d");
  let x = 0;
  const draw = () => {
    context.fillStyle = "#246";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#fff";
    context.fillRect(x, 100, 40, 40);
    x = (x + 5) % canvas.width;
  };
  setInterval(draw, 1000 / DRAWING.framesPerSecond);
  return canvas.captureStream(DRAWING.framesPerSecond);
}

/** Shows what comes back, so that it is decoded. */
async function play(stream, timeline) {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  video.addEventListener("loadeddata", () => timeline.mark("picture"));
  // It is playing when there is a picture.
  await video.play();
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function fetchFile(url) {
  const response = await fetch(url);
  return new File([await response.blob()], "video", { type: "video/mp4" });
}

/** Counts and summarises what the SDK hands to its callbacks. */
class Received {
  constructor(timeline) {
    this.timeline = timeline;
    this.messages = this.messagesWithPredictions = this.predictions = this.errorFrames = 0;
    this.frameIds = [];
    this.firstErrors = [];
    this.firstMetadata = this.lastMetadata = this.upload = null;
    this.lastOutputs = null;
    this.complete = false;
    this.terminationReason = null;
    this.arrived = () => {};
  }

  /** Waits until so many messages had predictions, and the outputs are those that were asked for last. */
  enough({ enough, thenOutputs }) {
    const hasOutput = (name) => this.lastOutputs?.includes(name);
    return new Promise((resolve) => {
      this.arrived = () => {
        if (this.messagesWithPredictions >= enough && (thenOutputs ?? []).every(hasOutput)) resolve();
      };
      this.arrived();
    });
  }

  data(message) {
    if (message.errors.length > 0) {
      this.errorFrames += 1;
      this.firstErrors.push(...message.errors.slice(0, 5 - this.firstErrors.length));
    }
    if (message.processing_complete) {
      this.complete = true;
      this.terminationReason = message.termination_reason;
      return;
    }
    this.timeline.mark("first_data");
    this.messages += 1;
    this.note(message.video_metadata);
    this.lastOutputs = Object.keys(message.serialized_output_data ?? {});
    const predictions = Object.values(message.serialized_output_data ?? {}).map(countPredictions);
    const found = predictions.reduce((sum, count) => sum + count, 0);
    this.predictions += found;
    if (found > 0) this.messagesWithPredictions += 1;
    this.arrived();
  }

  note(metadata) {
    if (metadata == null) return;
    this.firstMetadata ??= metadata;
    this.lastMetadata = metadata;
    appendToRanges(this.frameIds, metadata.frame_id);
  }

  uploaded(done, total) {
    this.upload = { bytes: done, of: total };
  }

  summary() {
    return {
      data_messages: this.messages,
      frame_ids: this.frameIds,
      predictions: this.predictions,
      error_frames: this.errorFrames,
      first_errors: this.firstErrors,
      first_metadata: this.firstMetadata,
      last_metadata: this.lastMetadata,
      last_outputs: this.lastOutputs,
      processing_complete: this.complete,
      termination_reason: this.terminationReason,
      upload: this.upload,
    };
  }
}

/** Keeps numbers in the order they came as [first, last] runs: [[1, 300]] when none is missing or late. */
function appendToRanges(ranges, number) {
  const last = ranges.at(-1);
  if (last !== undefined && last[1] + 1 === number) last[1] = number;
  else ranges.push([number, number]);
}

function countPredictions(output) {
  const list = output?.predictions ?? output;
  return Array.isArray(list) ? list.length : 0;
}

/** When the session is over, and why: the first reason counts. */
class Ending {
  constructor(timeoutMs) {
    this.reason = null;
    this.reached = new Promise((resolve) => (this.resolve = resolve));
    setTimeout(() => this.end("time limit"), timeoutMs);
  }

  completed() {
    setTimeout(() => this.end("the server left the channel open"), GRACE_AFTER_COMPLETION_MS);
  }

  end(reason) {
    this.reason ??= reason;
    this.resolve();
  }
}

/** The first time of each event, in seconds since the start. */
class Timeline {
  constructor() {
    this.start = performance.now();
    this.events = {};
  }

  mark(name) {
    this.events[name] ??= (performance.now() - this.start) / 1000;
  }

  seconds() {
    return Object.fromEntries(Object.entries(this.events).map(([name, at]) => [name, Number(at.toFixed(3))]));
  }
}

main();
