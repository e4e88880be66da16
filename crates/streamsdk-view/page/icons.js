// Drawn signs for buttons, in a square of 24.

const PATHS = {
  zoomIn: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M11 8v6M8 11h6",
  zoomOut: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M8 11h6",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  fullScreen: "M9 4H4v5M4 4l6 6M15 20h5v-5M20 20l-6-6",
  pictureInPicture: "M3 5h18v14H3zM12 12h6v4h-6z",
  snapshot: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  jpeg: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  messages: "M5 4h10l4 4v12H5zM9 12h6M9 16h6",
  record: "M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12z",
  video: "M3 6h12v12H3zM15 11l6-4v10l-6-4",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  timeline: "M3 12h18M7 9v6M12 7v10M17 9v6",
  back: "M18 6l-8 6 8 6zM6 6v12",
  forward: "M6 6l8 6-8 6zM18 6v12",
};

/** @param {keyof PATHS} name */
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
