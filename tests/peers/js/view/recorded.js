// What the page records of a video, played again.

import { LivePage } from "./page.js";

/** Presses the key for it, looks at so many pictures, and presses it once more. */
export async function recorded({ open, options }) {
  const live = await LivePage.open(await open(), options.url);
  const hasBegun = await live.lookUntil(1);
  await live.page.evaluate(keepWhatIsSaved);
  await live.page.keyboard.press("v");
  const isEnough = await live.lookUntil(live.pictures.length + options.pictures);
  await live.page.keyboard.press("v");
  const played = await live.page.evaluate(playWhatIsSaved);
  return { is_enough: hasBegun && isEnough, complaints: live.complaints, ...played };
}

/** Runs in the page. */
function keepWhatIsSaved() {
  const addressOf = URL.createObjectURL;
  window.saved = new Promise((resolve) => {
    URL.createObjectURL = (blob) => {
      resolve(blob);
      return addressOf.call(URL, blob);
    };
  });
}

/** Runs in the page. */
async function playWhatIsSaved() {
  const blob = await window.saved;
  const video = document.createElement("video");
  video.muted = true;
  const ended = new Promise((resolve) => (video.onended = video.onerror = resolve));
  video.src = URL.createObjectURL(blob);
  video.play().catch(() => {});
  await ended;
  const { videoWidth, videoHeight, currentTime, error } = video;
  return {
    bytes: blob.size,
    size: [videoWidth, videoHeight],
    seconds: currentTime,
    pictures: video.getVideoPlaybackQuality().totalVideoFrames,
    error: error && error.message,
  };
}
