// Everything that can be done to a tile: its key, what it says, and what it does. Keys, buttons and
// the help sheet are made from this one table.

/**
 * @typedef {object} Command
 * @property {string} key As `KeyboardEvent.key` has it.
 * @property {string} says
 * @property {(tile: import("./tile.js").Tile) => void} run
 */

const PAN = 60;
const ZOOM = 1.4;

/** @type {Record<string, Command>} */
export const COMMANDS = {
  boxes: {
    key: "b",
    says: "Boxes and all that comes with them, on or off",
    run: (tile) => tile.options.toggle("boxes"),
  },
  rectangles: {
    key: "o",
    says: "Outlines of boxes",
    run: (tile) => tile.options.toggle("rectangles"),
  },
  labels: { key: "l", says: "Labels", run: (tile) => tile.options.toggle("labels") },
  masks: { key: "m", says: "Masks", run: (tile) => tile.options.toggle("masks") },
  keypoints: { key: "k", says: "Keypoints", run: (tile) => tile.options.toggle("keypoints") },
  lessConfidence: {
    key: "[",
    says: "Show less certain things, too",
    run: (tile) => tile.changeConfidence(-0.05),
  },
  moreConfidence: {
    key: "]",
    says: "Show only more certain things",
    run: (tile) => tile.changeConfidence(0.05),
  },
  pause: {
    key: " ",
    says: "Hold the picture, or go on",
    run: (tile) => tile.timeline.togglePause(),
  },
  timeline: {
    key: "t",
    says: "Keep the last minute, or no longer",
    run: (tile) => tile.timeline.toggle(),
  },
  back: { key: ",", says: "Step back one picture", run: (tile) => tile.timeline.step(-1) },
  forward: { key: ".", says: "Step forward one picture", run: (tile) => tile.timeline.step(1) },
  zoomIn: { key: "+", says: "Zoom in", run: (tile) => tile.zoom.by(ZOOM) },
  zoomOut: { key: "-", says: "Zoom out", run: (tile) => tile.zoom.by(1 / ZOOM) },
  fit: { key: "0", says: "Show the whole picture", run: (tile) => tile.zoom.reset() },
  left: { key: "ArrowLeft", says: "Move to the left", run: (tile) => tile.zoom.pan(PAN, 0) },
  right: { key: "ArrowRight", says: "Move to the right", run: (tile) => tile.zoom.pan(-PAN, 0) },
  up: { key: "ArrowUp", says: "Move up", run: (tile) => tile.zoom.pan(0, PAN) },
  down: { key: "ArrowDown", says: "Move down", run: (tile) => tile.zoom.pan(0, -PAN) },
  snapshot: {
    key: "s",
    says: "Save the picture with its boxes (PNG)",
    run: (tile) => tile.snapshot(),
  },
  messages: {
    key: "j",
    says: "Save the messages of the last minute (JSONL)",
    run: (tile) => tile.saveMessages(),
  },
  record: {
    key: "r",
    says: "Record what is shown, or stop and save",
    run: (tile) => tile.toggleRecording("record"),
  },
  video: {
    key: "v",
    says: "Record the video as it came, without boxes (MP4), or stop and save",
    run: (tile) => tile.toggleRecording("video"),
  },
  pictureInPicture: {
    key: "p",
    says: "Picture in picture",
    run: (tile) => tile.togglePictureInPicture(),
  },
  fullScreen: { key: "f", says: "Full screen", run: (tile) => tile.toggleFullScreen() },
  panel: { key: "i", says: "Figures of the session", run: (tile) => tile.panel.toggle() },
};

/** Those that only work on a picture that is zoomed: arrows scroll the page otherwise. */
export const MOVES = ["left", "right", "up", "down"];

/** A key by the name that people know. */
export function keyName(key) {
  const arrows = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
  return key === " " ? "Space" : (arrows[key] ?? key);
}
