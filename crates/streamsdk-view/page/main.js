// The page: asks for the state, and keeps a tile for each stream.

import { fetchState, takeToken } from "./api.js";
import { Backoff } from "./backoff.js";
import { setText } from "./dom.js";
import { makeHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { announce } from "./live.js";
import { plain } from "./text.js";
import { Tile } from "./tile.js";

const POLL_MS = 1_000;
/** Who only looks elsewhere for a moment finds everything as it was. */
const HIDDEN_MS = 5_000;
const MAX_STREAMS = 64;

/** @type {Map<string, Tile>} */
const tiles = new Map();
const backoff = new Backoff();
let pollTimer = null;
let hiddenTimer = null;
let isPaused = false;
/** Answers to questions that were asked before the last start are of no use. */
let round = 0;

const place = document.getElementById("streams");
const notice = document.getElementById("notice");
const noticeText = document.getElementById("notice-text");

function start() {
  isPaused = false;
  clearTimeout(pollTimer);
  round += 1;
  poll(round);
}

async function poll(ofRound) {
  let wait = POLL_MS;
  try {
    const state = await fetchState();
    if (ofRound !== round) return;
    backoff.succeeded();
    show(state);
    say("");
  } catch (error) {
    if (ofRound !== round) return;
    if (error.status === 401) return say(unauthorised(error));
    wait = backoff.next(error.retryAfterMs);
    say(unreachable(error, wait));
  }
  if (!isPaused) pollTimer = setTimeout(() => poll(ofRound), wait);
}

function show(state) {
  const streams = Array.isArray(state.streams)
    ? state.streams.filter(isStream).slice(0, MAX_STREAMS)
    : [];
  const names = new Set(streams.map(({ name }) => name));
  for (const stream of streams) {
    const tile = tiles.get(stream.name);
    if (tile) tile.update(stream);
    else addTile(stream, streams.length === 1);
  }
  for (const [name, tile] of tiles) if (!names.has(name)) tile.gone();
  place.dataset.count = String(Math.min(tiles.size, 3));
  setText(
    document.getElementById("version"),
    state.version ? `version ${plain(state.version, 40)}` : "",
  );
  document.getElementById("nothing").hidden = tiles.size > 0;
}

function addTile(stream, isAlone) {
  const tile = new Tile(stream, isAlone);
  tiles.set(stream.name, tile);
  place.append(tile.element);
}

function isStream(stream) {
  return typeof stream === "object" && stream !== null && typeof stream.name === "string";
}

function unauthorised({ message }) {
  const how = "Open the whole address that the program printed, with #token= at its end.";
  return `This page may not see the streams: ${plain(message, 300)}. ${how}`;
}

function unreachable({ message }, wait) {
  const areAllOver = [...tiles.values()].every(({ isOver }) => isOver);
  if (tiles.size > 0 && areAllOver) return "The program has ended. What is shown is the last that came.";
  const seconds = Math.max(1, Math.round(wait / 1000));
  const stays = tiles.size > 0 ? " What is shown is the last that came." : "";
  const text = plain(message, 300);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}. Trying again in ${seconds} s.${stays}`;
}

/** Says something about the whole page; an empty text takes it away. */
function say(text) {
  if (
    text &&
    text !== noticeText.textContent &&
    !(notice.hidden === false && text.includes("Trying again"))
  ) {
    announce(text);
  }
  setText(noticeText, text);
  notice.hidden = text === "";
  if (text) document.getElementById("nothing").hidden = true;
}

function pause() {
  // Pictures that are recorded, or shown in a window of their own, are wanted.
  for (const tile of tiles.values()) if (!tile.isBusy) tile.pause();
  if ([...tiles.values()].some((tile) => tile.isBusy)) return;
  clearInterval(hiddenTimer);
  isPaused = true;
  clearTimeout(pollTimer);
  round += 1;
}

function resume() {
  clearInterval(hiddenTimer);
  for (const tile of tiles.values()) tile.resume();
  if (isPaused) start();
}

function visibilityChanged() {
  clearInterval(hiddenTimer);
  for (const tile of tiles.values()) tile.setInBackground(document.hidden);
  // What is wanted in the background now may be over the next time.
  if (document.hidden) hiddenTimer = setInterval(pause, HIDDEN_MS);
  else resume();
}

function leave() {
  for (const tile of tiles.values()) tile.pause();
  isPaused = true;
  clearTimeout(pollTimer);
  round += 1;
}

takeToken();
document.addEventListener("visibilitychange", visibilityChanged);
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && resume());
addEventListener("hashchange", () => {
  takeToken();
  start();
});
document.getElementById("again").addEventListener("click", start);
const showHelp = makeHelp();
document.getElementById("help").addEventListener("click", showHelp);
listenToKeys(() => [...tiles.values()], showHelp);
start();
