// Runs in the browser: one file session of the SDK, by its public API and nothing else.

import { connectors, webrtc } from "@roboflow/inference-sdk";

// After the last message the server should close the channel, which the SDK reports as completion.
const GRACE_AFTER_COMPLETION_MS = 5_000;

window.runSession = async (options) => {
  const timeline = new Timeline();
  const received = new Received(timeline);
  const ending = new Ending(options.timeoutMs);
  let exception = null;
  try {
    const connection = await webrtc.useVideoFile({
      file: await fetchFile(options.video),
      connector: connectors.withApiKey(options.apiKey, { serverUrl: options.server }),
      // Without an empty list the SDK asks a public STUN server.
      wrtcParams: { ...options.params, iceServers: [] },
      onData: (message) => {
        received.data(message);
        if (message.processing_complete) ending.completed();
      },
      onUploadProgress: (done, total) => received.uploaded(done, total),
      onComplete: () => ending.end("server"),
      hooks: {
        onPeerConnectionCreated: (peer) =>
          peer.addEventListener("connectionstatechange", () => timeline.mark(peer.connectionState)),
        onOfferCreated: () => timeline.mark("offer"),
      },
    });
    await ending.reached;
    timeline.mark("end");
    await connection.cleanup();
  } catch (error) {
    exception = String(error);
  }
  return { ...received.summary(), closed_because: ending.reason, exception, seconds: timeline.seconds() };
};

async function fetchFile(url) {
  const response = await fetch(url);
  return new File([await response.blob()], "video", { type: "video/mp4" });
}

/** Counts and summarises what the SDK hands to its callbacks. */
class Received {
  constructor(timeline) {
    this.timeline = timeline;
    this.messages = this.predictions = this.errorFrames = 0;
    this.frameIds = [];
    this.firstErrors = [];
    this.firstMetadata = this.lastMetadata = this.upload = null;
    this.complete = false;
  }

  data(message) {
    if (message.errors.length > 0) {
      this.errorFrames += 1;
      this.firstErrors.push(...message.errors.slice(0, 5 - this.firstErrors.length));
    }
    if (message.processing_complete) {
      this.complete = true;
      return;
    }
    this.timeline.mark("first_data");
    this.messages += 1;
    this.note(message.video_metadata);
    for (const output of Object.values(message.serialized_output_data ?? {})) {
      this.predictions += countPredictions(output);
    }
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
      processing_complete: this.complete,
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
