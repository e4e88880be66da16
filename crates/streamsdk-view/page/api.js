// What is asked of the server, and the token that it asks for.

const STORED_AS = "streamsdk-view-token";
const LIMIT_MS = 5_000;
/** A worker may first have to open a camera. */
const SESSION_LIMIT_MS = 60_000;

/** The server refused something, or did not answer. `status` is 0 where there was no answer. */
export class ApiError extends Error {
  constructor(status, message, retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

let token = null;

/** Takes the token out of the address, which then no longer shows it, and keeps it for a reload. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    store(given);
  }
  token = given ?? stored() ?? token;
}

/** The newest state of all streams. */
export async function fetchState() {
  return (await request("/state")).json();
}

/**
 * @param {string} stream
 * @param {string} offer
 * @param {object} how
 * @param {boolean} how.images Whether pictures are to come one by one instead of as video.
 * @param {boolean} how.inside Whether what is known about a frame of a video is to come within it.
 * @returns {Promise<{id: string, answer: string}>} `id` is what {@link endWhep} takes.
 */
export async function postWhep(stream, offer, { images, inside }) {
  const path = `/whep${query({ stream, images: images ? "1" : null, inside: inside ? "1" : null })}`;
  const headers = { "Content-Type": "application/sdp" };
  const response = await request(path, { method: "POST", headers, body: offer });
  return { id: response.headers.get("Location"), answer: await response.text() };
}

/**
 * Ends a connection, also while the page is being left. Whether it works does not matter to
 * anybody.
 */
export function endWhep(id) {
  if (!id?.startsWith("/whep/")) return;
  const options = { method: "DELETE", headers: authorization(), keepalive: true };
  fetch(id, options).catch(() => {});
}

/** @param {string[]} outputs Data outputs of the session. */
export async function postControl(stream, outputs) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ outputs });
  await request(`/control${query({ stream })}`, { method: "POST", headers, body });
}

/**
 * Asks a worker for a session.
 *
 * @param {object} wish
 * @returns {Promise<{sdp: string}>}
 */
export async function postSession(wish) {
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  };
  return (await request("/initialise_webrtc_worker", options, SESSION_LIMIT_MS)).json();
}

/** The video of a stream from its next key frame on, for as long as it is read. */
export function fetchRecording(stream, signal) {
  return request(`/recording.mp4${query({ stream })}`, { signal });
}

/** The newest picture as it is kept by the program. */
export async function fetchSnapshot(stream) {
  return (await request(`/snapshot.jpg${query({ stream })}`)).blob();
}

/** For elements that load by address, and can send no header. */
export function addressOf(path, stream) {
  return path + query({ stream, token });
}

async function request(path, options = {}, limitMs = LIMIT_MS) {
  const headers = { ...options.headers, ...authorization() };
  let response;
  try {
    const signal = options.signal ?? AbortSignal.timeout(limitMs);
    response = await fetch(path, { ...options, headers, signal, cache: "no-store" });
  } catch (error) {
    const isLate = error?.name === "TimeoutError";
    throw new ApiError(0, isLate ? "the program does not answer" : "the program cannot be reached");
  }
  if (response.ok) return response;
  const seconds = Number(response.headers.get("Retry-After"));
  throw new ApiError(response.status, await errorText(response), seconds > 0 ? seconds * 1000 : 0);
}

async function errorText(response) {
  try {
    const { error, message } = await response.json();
    const text = error ?? message;
    if (typeof text === "string" && text) return text.slice(0, 1000);
  } catch {
    // Whoever answered does not speak as the program does; its status says enough.
  }
  return `the program answers with status ${response.status}`;
}

function authorization() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null);
  return given.length > 0
    ? `?${given.map((pair) => pair.map(encodeURIComponent).join("=")).join("&")}`
    : "";
}

/** A browser may allow no storage; a reload then needs the address again. */
function stored() {
  try {
    return sessionStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

function store(value) {
  try {
    sessionStorage.setItem(STORED_AS, value);
  } catch {
    // See above.
  }
}
