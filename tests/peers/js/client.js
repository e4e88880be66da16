#!/usr/bin/env node
// Has the real JavaScript SDK, in a real browser, do sessions and prints one JSON line about the last.
//
// usage: client.js --browser PROGRAM --server URL --workflow FILE.json (--video FILE | --live WHAT) [options]
//
// WHAT is `drawing`, `camera` or the address of an RTSP camera.
//
// The browser is not driven: it opens a page, and the page sends its report back.

import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";

import { answerAsBackend, readJson } from "./backend.js";

const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // There is no camera, and nobody who could allow it.
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];
const FIREFOX_FLAGS = ["--headless", "--no-remote"];
const FIREFOX_PREFERENCES = ["media.navigator.streams.fake", "media.navigator.permission.disabled"];

async function main() {
  const options = readOptions();
  const profile = mkdtempSync(join(tmpdir(), "streamsdk-browser-"));
  const { site, report } = await serveSite(options);
  const url = `http://${options["page-host"]}:${site.address().port}/`;
  const browser = open(options.browser, profile, url);
  try {
    console.log(JSON.stringify(await Promise.race([report, browser.failed, giveUpAfter(options.timeoutMs)])));
  } finally {
    await browser.close();
    site.closeAllConnections();
    site.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      browser: { type: "string" },
      server: { type: "string", default: "http://127.0.0.1:9001" },
      video: { type: "string" },
      live: { type: "string" },
      // After so many messages with predictions a page leaves what is live. Default is when the server ends it.
      enough: { type: "string" },
      // How long the server processes what is live.
      seconds: { type: "string", default: "2" },
      // So many sessions one after the other, in one page.
      sessions: { type: "string", default: "1" },
      workflow: { type: "string" },
      parameters: { type: "string", default: "{}" },
      "stream-output": { type: "string", multiple: true, default: [] },
      "data-output": { type: "string", multiple: true, default: [] },
      // What comes as data from the first message on.
      "then-output": { type: "string", multiple: true },
      backend: { type: "boolean", default: false },
      "backend-url": { type: "string" },
      // What the browser takes for the page's host, which is this machine, and its port; any that is free is 0.
      "page-host": { type: "string", default: "127.0.0.1" },
      "page-port": { type: "string", default: "0" },
      "api-key": { type: "string", default: "not-a-real-key" },
      timeout: { type: "string", default: "60" },
    },
  });
  if (!values.browser || !values.workflow || !values.video === !values.live) {
    console.error("usage: client.js --browser PROGRAM --server URL --workflow FILE.json (--video FILE | --live WHAT)");
    process.exit(2);
  }
  return { ...values, timeoutMs: Number(values.timeout) * 1000 };
}

/** What the page is to do. */
function forPage(options) {
  return {
    server: options.server,
    apiKey: options["api-key"],
    backend: options.backend,
    live: options.live ?? null,
    enough: options.enough === undefined ? null : Number(options.enough),
    sessions: Number(options.sessions),
    thenOutputs: options["then-output"] ?? null,
    timeoutMs: (options.timeoutMs * 0.8) / Number(options.sessions),
    params: {
      workflowSpec: JSON.parse(readFileSync(options.workflow, "utf8")),
      workflowsParameters: JSON.parse(options.parameters),
      streamOutputNames: options["stream-output"],
      dataOutputNames: options["data-output"],
      realtimeProcessing: options.live !== undefined,
      processingTimeout: options.live && Number(options.seconds),
    },
  };
}

/** Serves the page, its script and the video, plays the page's backend, and takes its report. */
async function serveSite(options) {
  const entryPoints = [fileURLToPath(new URL("page.js", import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: "iife" });
  const pages = {
    "/": ["text/html", "<!doctype html><link rel=icon href=data:,><script src=/page.js></script>"],
    "/page.js": ["text/javascript", outputFiles[0].text],
    "/options": ["application/json", JSON.stringify(forPage(options))],
  };
  let reported;
  const report = new Promise((resolve) => (reported = resolve));
  const site = createServer(async (request, response) => {
    if (request.url === "/video") {
      createReadStream(options.video).on("error", () => response.destroy()).pipe(response);
    } else if (request.url === "/report") {
      reported(await readJson(request));
      response.end();
    } else if (request.url === "/backend") {
      const answer = options["backend-url"] ? forward : answerAsBackend;
      await answer(options, await readJson(request), response);
    } else {
      const [type, body] = pages[request.url] ?? ["text/plain", ""];
      response.writeHead(request.url in pages ? 200 : 404, { "content-type": type }).end(body);
    }
  });
  await new Promise((resolve) => site.listen(Number(options["page-port"]), "127.0.0.1", resolve));
  return { site, report };
}

/** Hands what the page says to another backend, as a web server does that stands before both. */
async function forward(options, body, response) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(options["backend-url"], { method: "POST", headers, body: JSON.stringify(body) });
  response.writeHead(answer.status, headers).end(await answer.text());
}

/** Starts a browser, in a group of its own because it starts others. */
function open(program, profile, url) {
  const { hostname } = new URL(url);
  const flags = basename(program).startsWith("firefox")
    ? [...FIREFOX_FLAGS, "--profile", profile]
    : [...CHROMIUM_FLAGS, `--user-data-dir=${profile}`, `--host-resolver-rules=MAP ${hostname} 127.0.0.1`];
  const preferences = FIREFOX_PREFERENCES.map((name) => [name, true]).concat([["network.dns.localDomains", hostname]]);
  const lines = preferences.map((pair) => `user_pref(${pair.map((part) => JSON.stringify(part)).join(", ")});\n`);
  writeFileSync(join(profile, "user.js"), lines.join(""));
  const browser = spawn(program, [...flags, url], { stdio: "ignore", detached: true });
  const gone = new Promise((resolve) => browser.on("exit", resolve).on("error", resolve));
  return {
    failed: gone.then((why) => ({ exception: `the browser ended: ${why}` })),
    close: async () => {
      if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, "SIGKILL");
      await gone;
    },
  };
}

function giveUpAfter(milliseconds) {
  const exception = "the page did not report in time";
  return new Promise((resolve) => setTimeout(resolve, milliseconds, { exception }).unref());
}

await main();
