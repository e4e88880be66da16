// Keys act on the stream that has the focus, or had it last.

import { COMMANDS, MOVES } from "./commands.js";

const STORED_AS = "streamsdk-view-keys";
const BY_KEY = new Map(
  Object.entries(COMMANDS).map(([name, command]) => [command.key, { name, ...command }]),
);
/** The same key without the other hand. */
const ALIASES = { "=": "+", _: "-", "<": ",", ">": "." };

let areOn = load();

export function keysAreOn() {
  return areOn;
}

/** Who speaks to the machine may not want single letters to do something. */
export function setKeysOn(on) {
  areOn = on;
  try {
    localStorage.setItem(STORED_AS, on ? "on" : "off");
  } catch {
    // Without storage a choice lasts as long as the page.
  }
}

/**
 * @param {() => import("./tile.js").Tile[]} tiles
 * @param {() => void} showHelp
 */
export function listenToKeys(tiles, showHelp) {
  let last = null;
  const current = () => {
    const all = tiles();
    return (
      all.find((tile) => tile.element.contains(document.activeElement)) ??
      (all.includes(last) ? last : all[0])
    );
  };
  addEventListener("focusin", () => (last = current()));
  addEventListener("keydown", (event) => {
    if (!areOn || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]") || isTyping(event.target)) return;
    if (handle(event, current(), tiles(), showHelp)) event.preventDefault();
  });
}

/** Says whether the key was of use. */
function handle(event, tile, tiles, showHelp) {
  const key = ALIASES[event.key] ?? (event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (key === "?") {
    showHelp();
    return true;
  }
  if (/^[1-9]$/.test(key)) {
    tiles[Number(key) - 1]?.focus();
    return true;
  }
  const command = BY_KEY.get(key);
  if (!command || !tile || !applies(command, event, tile)) return false;
  command.run(tile);
  return true;
}

function applies({ name, key }, { target, repeat }, tile) {
  // Keys that a focused control needs itself are its own.
  if (key === " ") return !repeat && !target.closest?.("button, a, input, summary, [role=region]");
  if (MOVES.includes(name)) return tile.zoom.isZoomed && target === tile.screen.element;
  return (
    !repeat ||
    ["back", "forward", "zoomIn", "zoomOut", "lessConfidence", "moreConfidence"].includes(name)
  );
}

function isTyping(target) {
  return (
    target.matches?.(
      "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]",
    ) ?? false
  );
}

function load() {
  try {
    return localStorage.getItem(STORED_AS) !== "off";
  } catch {
    return true;
  }
}
