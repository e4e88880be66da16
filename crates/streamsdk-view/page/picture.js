// Pictures that come as video. Each is shown with the message of exactly its RTP timestamp, or
// without one.

import { PictureDelay } from "./delay.js";
import { make } from "./dom.js";
import { MessagesByTime } from "./rtp.js";

/** If nothing was decoded by then of what came, the browser cannot decode it. */
const DECODE_MS = 6_000;
/** Pictures whose message may still come: those of a few seconds. */
const MAX_BARE = 100;

/** Whether this browser says which picture it shows. */
export function canNamePictures() {
  const canTake = typeof VideoFrame === "function" && "metadata" in VideoFrame.prototype;
  return canTake && "requestVideoFrameCallback" in HTMLVideoElement.prototype;
}

export class VideoPicture {
  #screen;
  #video;
  #onUnusable;
  #link;
  #messages = new MessagesByTime();
  /** When each picture was shown whose message had not come. */
  #bare = new Map();
  #delay = new PictureDelay();
  #delayed = 0;
  #isOver = false;
  #pictures = 0;
  #watch;

  /**
   * @param {import("./screen.js").Screen} screen
   * @param {{statistics: () => Promise<RTCStatsReport>, delayPictures: (milliseconds: number) => void}} link
   * @param {MediaStream} stream
   * @param {(reason: string) => void} onUnusable Called if pictures have to come another way.
   */
  constructor(screen, link, stream, onUnusable) {
    this.#screen = screen;
    this.#link = link;
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
    this.#watch = setInterval(() => this.#checkDecoding(), DECODE_MS);
  }

  message(message) {
    if (message.rtp === null) return;
    this.#messages.put(message);
    this.#screen.amend(message);
    const shownAt = this.#bare.get(message.rtp);
    if (shownAt !== undefined) this.#wasLate(message.rtp, performance.now() - shownAt);
  }

  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#watch);
    this.#screen.detach();
    this.#video.srcObject = null;
  }

  #expectPicture() {
    this.#video.requestVideoFrameCallback(() => {
      if (this.#isOver) return;
      this.#expectPicture();
      const frame = takeFrame(this.#video);
      if (frame) this.#presented(frame);
      frame?.close();
    });
  }

  /**
   * The name is that of the picture itself: on a busy machine the video may be one picture further than what the
   * callback was called for.
   */
  #presented(frame) {
    this.#pictures += 1;
    const name = frame.metadata().rtpTimestamp;
    if (!Number.isInteger(name)) {
      return this.#onUnusable("this browser does not say which picture of a video it shows");
    }
    const rtp = name >>> 0;
    const { displayWidth: width, displayHeight: height } = frame;
    const message = this.#messages.of(rtp);
    if (!message) this.#isBare(rtp);
    this.#keepDelay();
    this.#screen.present({ source: frame, width, height, rtp, message, jpeg: null });
  }

  #isBare(rtp) {
    this.#bare.set(rtp, performance.now());
    if (this.#bare.size > MAX_BARE) this.#bare.delete(this.#bare.keys().next().value);
  }

  #wasLate(rtp, milliseconds) {
    this.#bare.delete(rtp);
    this.#delay.late(milliseconds, performance.now());
  }

  #keepDelay() {
    const wanted = this.#delay.at(performance.now());
    if (wanted === this.#delayed) return;
    this.#delayed = wanted;
    this.#link.delayPictures(wanted);
  }

  async #checkDecoding() {
    if (this.#pictures > 0) return clearInterval(this.#watch);
    if (document.hidden) return;
    const reports = [...(await this.#link.statistics()).values()];
    const video = reports.find(
      (report) => report.type === "inbound-rtp" && report.kind === "video",
    );
    const isUndecoded = video?.packetsReceived > 0 && !(video.framesDecoded > 0);
    if (isUndecoded && !this.#isOver) this.#onUnusable("this browser does not decode the video");
  }
}

/** The picture that the video shows; null where it shows none any more. */
function takeFrame(video) {
  try {
    return new VideoFrame(video);
  } catch {
    return null;
  }
}
