// Whoever should get nothing: pages of others, people without the token, and programs that send nonsense.

import { randomBytes } from "node:crypto";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { blankPage } from "./crowd.js";
import { ask, keepAsking, state } from "./server.js";
import { percentiles } from "./tally.js";

/** All that takes a token. */
const ENDPOINTS = [
  ["GET", "/state"],
  ["POST", "/whep"],
  ["DELETE", "/whep/1"],
  ["POST", "/control"],
  ["GET", "/snapshot.jpg"],
  ["GET", "/stream.mjpeg"],
  ["GET", "/recording.mp4"],
];
const WRONG_TOKENS = { none: null, empty: "", other: "0".repeat(64), odd: "%00\u00e9" };

/** A page of another origin, and requests without the token. */
export async function strangers({ open, options }) {
  return {
    from_another_origin: await fromAnotherOrigin(await open(), options),
    without_the_token: await withoutTheToken(options),
    by_another_name: await byAnotherName(options),
    headers: await headersOfThePage(options),
  };
}

/** What somebody else's page can do: nothing at all, even with the token, and with what a link or an image sends. */
async function fromAnotherOrigin(browser, { origin, token }) {
  const site = createServer((_, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><link rel=icon href=data:,>"),
  );
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    const outcomes = await page.evaluate(tryFromOutside, origin, token, ENDPOINTS);
    return { ...outcomes, "in a frame": await tryInFrame(page, origin) };
  } finally {
    site.closeAllConnections();
    site.close();
  }
}

/** Runs in the other page. Says for each attempt what came of it; "refused" is what is right. */
async function tryFromOutside(origin, token, endpoints) {
  const outcomes = {};
  for (const [method, path] of endpoints) {
    for (const [name, headers] of [["without token", {}], ["with token", { authorization: `Bearer ${token}` }]]) {
      outcomes[`${method} ${path} ${name}`] = await fetch(origin + path, { method, headers }).then(
        ({ status }) => `could be read: ${status}`,
        () => "refused",
      );
    }
  }
  // What needs no permission of the server to be sent.
  outcomes["POST /control as text"] = await fetch(`${origin}/control`, {
    method: "POST",
    mode: "no-cors",
    body: '{"outputs":[]}',
  }).then(({ type }) => (type === "opaque" ? "refused" : type), () => "refused");
  const image = new Image();
  outcomes["an image without token"] = await new Promise((resolve) => {
    image.onload = () => resolve("could be seen");
    image.onerror = () => resolve("refused");
    image.src = `${origin}/snapshot.jpg`;
  });
  return outcomes;
}

async function tryInFrame(page, origin) {
  await page.evaluate((origin) => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.src = `${origin}/`;
    return new Promise((resolve) => (frame.onload = resolve));
  }, origin);
  // What the browser says instead has nothing of the page in it.
  const [, frame] = page.frames();
  const isThere = await frame.evaluate(() => document.querySelector("#streams") !== null);
  return isThere ? "could be seen" : "refused";
}

/** The statuses; all should be 401. */
async function withoutTheToken(options) {
  const statuses = {};
  for (const [method, path] of ENDPOINTS) {
    for (const [name, token] of Object.entries(WRONG_TOKENS)) {
      const headers = token === null ? {} : { authorization: `Bearer ${encodeURIComponent(token)}` };
      const answer = await fetch(new URL(path, options.origin), { method, headers });
      const body = await answer.text();
      statuses[`${method} ${path} ${name}`] = answer.status;
      if (body.includes(options.token)) statuses[`${method} ${path} ${name}`] = "it tells the token";
    }
    const inQuery = await fetch(new URL(`${path}?token=${"0".repeat(64)}`, options.origin), { method });
    await inQuery.body?.cancel();
    statuses[`${method} ${path} in the query`] = inQuery.status;
  }
  return statuses;
}

/** What is said to a page whose name leads here, as that of somebody else can: with the right token, and without. */
async function byAnotherName({ origin, token }) {
  const { hostname, port } = new URL(origin);
  const get = (path, headers) =>
    new Promise((resolve, reject) => {
      const asked = request({ hostname, port, path, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject).end();
    });
  const host = `evil.example:${port}`;
  return {
    page: await get("/", { host }),
    state: await get("/state", { host }),
    state_with_token: await get("/state", { host, authorization: `Bearer ${token}` }),
    state_from_origin: await get("/state", { origin: "http://evil.example", authorization: `Bearer ${token}` }),
  };
}

async function headersOfThePage({ origin }) {
  const answer = await fetch(origin);
  await answer.text();
  const names = ["content-security-policy", "referrer-policy", "cache-control", "x-content-type-options"];
  return Object.fromEntries(names.map((name) => [name, answer.headers.get(name)]));
}

/** Nonsense to every endpoint, with the right token, while the state is asked for. */
export async function garbage({ open, options }) {
  const offer = await realOffer(await open(), options);
  const stop = keepAsking(options);
  const statuses = {};
  for (const [name, path, settings] of nonsense(offer)) {
    statuses[name] = await ask(options, path, settings).then(
      async (answer) => {
        await answer.body?.cancel();
        return answer.status;
      },
      (error) => `no answer: ${error.cause?.code ?? error.name}`,
    );
  }
  const raw = await rawNonsense(options);
  const { times, failures } = await stop();
  return { statuses, raw, state_ms: percentiles(times), state_failures: failures, after: (await state(options)).streams };
}

function* nonsense(offer) {
  const sdp = { "content-type": "application/sdp" };
  const whep = (name, body) => [`whep: ${name}`, "/whep", { method: "POST", headers: sdp, body }];
  yield whep("nothing", "");
  yield whep("bytes", randomBytes(5000));
  yield whep("a line", "v=0\r\n");
  yield whep("half an offer", offer.slice(0, offer.length / 2));
  yield whep("an offer of 50 MB", Buffer.alloc(50_000_000, "a=x\r\n"));
  yield whep("an offer with 10,000 media", offer + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(10_000));
  yield whep("an offer with 10,000 addresses", offer + "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n".repeat(10_000));
  yield whep("without a fingerprint", offer.replaceAll(/a=fingerprint.*\r\n/g, ""));
  yield whep("without a password", offer.replaceAll(/a=ice-pwd.*\r\n/g, ""));
  yield whep("that sends video", offer.replaceAll("a=recvonly", "a=sendonly"));
  yield whep("without a channel", offer.replace(/m=application[^]*/, ""));
  yield whep("numbers that are too large", offer.replaceAll(/ \d+\r\n/g, " 99999999999999999999\r\n"));
  yield ["whep: of another type", "/whep", { method: "POST", body: offer, headers: { "content-type": "text/html" } }];
  yield ["whep: no such stream", "/whep?stream=no%20such", { method: "POST", headers: sdp, body: offer }];
  yield ["whep: broken name", "/whep?stream=%zz%ff", { method: "POST", headers: sdp, body: offer }];
  yield ["whep: end of another", "/whep/no-such-one", { method: "DELETE" }];
  yield ["whep: end with a broken id", "/whep/%00..%2f..", { method: "DELETE" }];
  yield ["whep: GET", "/whep", {}];
  const control = (name, body) => [`control: ${name}`, "/control", { method: "POST", body }];
  yield control("nothing", "");
  yield control("bytes", randomBytes(5000));
  yield control("of another shape", '{"outputs":7}');
  yield control("an output that is not there", '{"outputs":["no such"]}');
  yield control("deep", "[".repeat(100_000));
  yield control("large", JSON.stringify({ outputs: ["x".repeat(50_000_000)] }));
  yield ["state: POST", "/state", { method: "POST", body: "x" }];
  yield ["state: a query", `/state?${"a=b&".repeat(1000)}`, {}];
  yield ["a path that is long", `/${"a".repeat(100_000)}`, {}];
  yield ["a path out of the assets", "/assets/..%2f..%2fCargo.toml", {}];
  yield ["an asset that is not there", "/assets/%00", {}];
  yield ["snapshot: no such stream", "/snapshot.jpg?stream=no", {}];
  yield ["mjpeg: no such stream", "/stream.mjpeg?stream=no", {}];
  yield ["recording: no such stream", "/recording.mp4?stream=no", {}];
  yield ["another method", "/state", { method: "PUT", body: "x" }];
  yield ["many headers", "/state", { headers: Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`x-${n}`, "y"])) }];
}

/** What is no HTTP, or only half of it. */
async function rawNonsense(options) {
  const { hostname, port } = new URL(options.origin);
  const open = () => connect({ host: hostname, port: Number(port) }).on("error", () => {});
  const sent = [randomBytes(100_000), "GET / HTTP/9.9\r\n\r\n", "\r\n".repeat(1000), `GET / HTTP/1.1\r\nx: ${"y".repeat(1_000_000)}`];
  for (const bytes of sent) open().end(bytes);
  // Begins a request and never ends it.
  const slow = Array.from({ length: 300 }, open);
  for (const socket of slow) socket.write("POST /whep HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n");
  await sleep(2_000);
  const started = performance.now();
  const answers = await state(options).then(() => true, (error) => String(error));
  const took = Math.round(performance.now() - started);
  slow.forEach((socket) => socket.destroy());
  return { answers_with_300_half_requests_open: answers, state_took_ms: took };
}

async function realOffer(browser, options) {
  const page = await blankPage(browser, options);
  const offer = await page.evaluate(async () => {
    const connection = new RTCPeerConnection();
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.createDataChannel("view");
    await connection.setLocalDescription();
    return connection.localDescription.sdp;
  });
  await page.close();
  return offer;
}
