// Pictures that come as video. Each is shown with the message of exactly its RTP timestamp, or
// without one.

import { make } from "./dom.js";
import { MessagesByTime } from "./rtp.js";

/** So many pictures may come without saying which one they are. */
const MAX_NAMELESS = 5;
/** If nothing was decoded by then of what came, the browser cannot decode it. */
const DECODE_MS = 6_000;

/** Whether this browser says which picture it shows. */
export function canNamePictures() {
  return "requestVideoFrameCallback" in HTMLVideoElement.prototype;
}

export class VideoPicture {
  #screen;
  #video;
  #onUnusable;
  #messages = new MessagesByTime();
  #isOver = false;
  #pictures = 0;
  #nameless = 0;
  #watch;

  /**
   * @param {import("./screen.js").Screen} screen
   * @param {import("./link.js").Link} link
   * @param {MediaStream} stream
   * @param {(reason: string) => void} onUnusable Called if pictures have to come another way.
   */
  constructor(screen, link, stream, onUnusable) {
    this.#screen = screen;
    this.#onUnusable = onUnusable;
    this.#video = make("video", {
      class: "video",
      playsinline: true,
      "aria-hidden": "true",
      tabindex: "-1",
    });
    this.#video.muted = true;
    this.#video.autoplay = true;
    this.#video.disableRemotePlayback = true;
    this.#video.srcObject = stream;
    screen.attach(this.#video);
    // A browser that may not play by itself says so; a click on the stage plays.
    this.#video.play().catch(() => {});
    this.#expectPicture();
    this.#watch = setInterval(() => this.#checkDecoding(link), DECODE_MS);
  }

  message(message) {
    if (message.rtp === null) return;
    this.#messages.put(message);
    this.#screen.amend(message);
  }

  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#watch);
    this.#screen.detach();
    this.#video.srcObject = null;
  }

  #expectPicture() {
    this.#video.requestVideoFrameCallback((_now, metadata) => {
      if (this.#isOver) return;
      this.#expectPicture();
      this.#presented(metadata);
    });
  }

  #presented(metadata) {
    this.#pictures += 1;
    const picture = takePicture(this.#video, metadata);
    this.#show(picture);
    if (picture.source !== this.#video) picture.source.close();
  }

  #show({ source, rtp, width, height }) {
    if (rtp === null) this.#nameless += 1;
    if (this.#nameless > MAX_NAMELESS) {
      return this.#onUnusable("this browser does not say which picture of a video it shows");
    }
    const message = rtp === null ? null : this.#messages.of(rtp);
    this.#screen.present({ source, width, height, rtp, message, jpeg: null });
  }

  async #checkDecoding(link) {
    if (this.#pictures > 0) return clearInterval(this.#watch);
    if (document.hidden) return;
    const reports = [...(await link.statistics()).values()];
    const video = reports.find(
      (report) => report.type === "inbound-rtp" && report.kind === "video",
    );
    const isUndecoded = video?.packetsReceived > 0 && !(video.framesDecoded > 0);
    if (isUndecoded && !this.#isOver) this.#onUnusable("this browser does not decode the video");
  }
}

/**
 * The picture that the video shows, and which one it is.
 *
 * On a busy machine the video may be one picture further than what the callback was called for. Where
 * the browser gives the picture itself, it knows its own name.
 */
function takePicture(video, { rtpTimestamp, width, height }) {
  const frame = frameOf(video);
  const own = frame?.metadata?.().rtpTimestamp;
  if (Number.isInteger(own)) {
    return {
      source: frame,
      rtp: own >>> 0,
      width: frame.displayWidth,
      height: frame.displayHeight,
    };
  }
  frame?.close();
  const rtp = Number.isInteger(rtpTimestamp) ? rtpTimestamp >>> 0 : null;
  return { source: video, rtp, width, height };
}

function frameOf(video) {
  if (typeof VideoFrame !== "function" || !("metadata" in VideoFrame.prototype)) return null;
  try {
    return new VideoFrame(video);
  } catch {
    // It may have nothing to show any more.
    return null;
  }
}
