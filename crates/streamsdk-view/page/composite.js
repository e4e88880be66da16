// What is shown, as a picture of its own: a snapshot, a video that is recorded, picture in picture.

import { download, MAX_RECORDING, saveRecording, timeStamp } from "./download.js";
import { fileName } from "./text.js";

const RECORDING_TYPES = [
  "video/webm;codecs=vp9",
  "video/webm;codecs=vp8",
  "video/webm",
  "video/mp4",
];

/** A PNG of the picture with its boxes. */
export async function snapshot(screen) {
  const canvas = canvasFor(screen);
  screen.composeOn(canvas);
  const frame = screen.current.message?.frame ?? timeStamp();
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) download(blob, `${fileName(screen.stream)}-${frame}.png`);
  return blob !== null;
}

/** The pictures that are shown, with their boxes, as a media stream while somebody wants it. */
export class Composite {
  #screen;
  #canvas = null;
  #output = null;
  #users = 0;

  /** @param {import("./screen.js").Screen} screen */
  constructor(screen) {
    this.#screen = screen;
    screen.listen(() => this.#draw());
  }

  get isUsed() {
    return this.#users > 0;
  }

  use() {
    this.#users += 1;
    if (!this.#canvas) {
      this.#canvas = canvasFor(this.#screen);
      // Only a canvas with a context can be captured.
      this.#screen.composeOn(this.#canvas);
      this.#output = outputOf(this.#canvas);
    }
    // What is captured begins with the next change; without one there would be nothing to see.
    setTimeout(() => this.#draw(), 50);
    return this.#output.stream;
  }

  release() {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#output.stream.getTracks().forEach((track) => track.stop());
    this.#output = null;
    this.#canvas = null;
  }

  #draw() {
    if (!this.#canvas) return;
    this.#screen.composeOn(this.#canvas);
    this.#output?.drawn();
  }
}

/**
 * What is drawn on a canvas as a stream; `drawn` is to be called after each picture.
 *
 * A browser captures no canvas in the background, but it takes single pictures there, if it takes
 * them at all.
 */
function outputOf(canvas) {
  if (typeof MediaStreamTrackGenerator !== "function") {
    return { stream: canvas.captureStream(), drawn: () => {} };
  }
  const track = new MediaStreamTrackGenerator({ kind: "video" });
  const writer = track.writable.getWriter();
  const drawn = () => {
    // Whoever takes the pictures is late, or has gone: the next one will do.
    if (!(writer.desiredSize > 0)) return;
    const frame = new VideoFrame(canvas, { timestamp: Math.round(performance.now() * 1000) });
    writer.write(frame).catch(() => frame.close());
  };
  return { stream: new MediaStream([track]), drawn };
}

export function canRecord() {
  return typeof MediaRecorder === "function" && "captureStream" in HTMLCanvasElement.prototype;
}

/** Records into memory, and saves a file at the end. */
export class Recording {
  #composite;
  #recorder;

  /**
   * @param {Composite} composite
   * @param {string} name Name of the stream.
   * @param {(text: string) => void} onEnd Called with what became of it.
   */
  constructor(composite, name, onEnd) {
    this.#composite = composite;
    this.#recorder = recorderOf(composite);
    const parts = [];
    let size = 0;
    this.#recorder.ondataavailable = ({ data }) => {
      parts.push(data);
      size += data.size;
      if (size > MAX_RECORDING) this.stop();
    };
    this.#recorder.onstop = () => {
      composite.release();
      onEnd(saveRecording(parts, size, this.#recorder.mimeType || "video/webm", name));
    };
    this.#recorder.start(1000);
  }

  stop() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
  }
}

function recorderOf(composite) {
  const mimeType = RECORDING_TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const stream = composite.use();
  try {
    return new MediaRecorder(stream, mimeType ? { mimeType } : {});
  } catch (error) {
    composite.release();
    throw error;
  }
}

export function canPictureInPicture() {
  return (
    document.pictureInPictureEnabled === true && "captureStream" in HTMLCanvasElement.prototype
  );
}

/** The picture with its boxes in a window of its own. */
export class PictureInPicture {
  #composite;
  #video = null;

  /** @param {Composite} composite */
  constructor(composite) {
    this.#composite = composite;
  }

  get isOpen() {
    return this.#video !== null;
  }

  async toggle() {
    if (this.#video) return document.exitPictureInPicture();
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = this.#composite.use();
    this.#video = video;
    const end = () => {
      if (this.#video !== video) return;
      this.#video = null;
      video.srcObject = null;
      this.#composite.release();
    };
    video.addEventListener("leavepictureinpicture", end);
    try {
      await video.play();
      await video.requestPictureInPicture();
    } catch (error) {
      end();
      throw error;
    }
  }
}

function canvasFor(screen) {
  const canvas = document.createElement("canvas");
  canvas.width = screen.view.picture.width;
  canvas.height = screen.view.picture.height;
  return canvas;
}
