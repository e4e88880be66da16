#!/usr/bin/env node
// Drives the real JavaScript SDK, in Chromium, through one file session and prints one JSON line about it.
//
// usage: client.js --server URL --video FILE (--workflow FILE.json | --workflow-id ID) [options]
//
// The exit status is 0 when the stream was complete and, with --frames, that many frames came in order.

import { createReadStream, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const BROWSER_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// The SDK reports what it cannot read here, and only here.
const UNREADABLE = "Failed to parse data channel message";
// The SDK gathers for at most 6 s and connects for at most 30 s before the page's own limit could count.
const SETUP_SECONDS = 45;

async function main() {
  const options = readOptions();
  const site = await serveSite(options.video);
  const browser = await chromium.launch({
    executablePath: options.chromium,
    headless: true,
    args: BROWSER_FLAGS,
  });
  try {
    const report = await runSession(browser, site, options);
    console.log(JSON.stringify(report));
    return succeeded(report, options.frames) ? 0 : 1;
  } finally {
    await browser.close();
    site.close();
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      server: { type: "string", default: "http://127.0.0.1:9001" },
      video: { type: "string" },
      workflow: { type: "string" },
      "workflow-id": { type: "string" },
      workspace: { type: "string", default: "local" },
      "data-output": { type: "string", multiple: true, default: [] },
      realtime: { type: "boolean", default: false },
      frames: { type: "string" },
      chromium: { type: "string", default: "/usr/bin/chromium" },
      "api-key": { type: "string", default: "not-a-real-key" },
      timeout: { type: "string", default: "120" },
    },
  });
  if (!values.video || !values.workflow === !values["workflow-id"]) {
    console.error("usage: client.js --server URL --video FILE (--workflow FILE.json | --workflow-id ID)");
    process.exit(2);
  }
  return { ...values, frames: values.frames && Number(values.frames), timeoutMs: Number(values.timeout) * 1000 };
}

function workflow(options) {
  return options.workflow
    ? { workflowSpec: JSON.parse(readFileSync(options.workflow, "utf8")) }
    : { workspaceName: options.workspace, workflowId: options["workflow-id"] };
}

/** Serves the page, its script and the video to the browser. */
async function serveSite(video) {
  const entryPoints = [fileURLToPath(new URL("page.js", import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: "iife" });
  const pages = {
    "/": ["text/html", "<!doctype html><link rel=icon href=data:,><script src=/page.js></script>"],
    "/page.js": ["text/javascript", outputFiles[0].text],
  };
  const site = createServer(({ url }, response) => {
    if (url === "/video") {
      createReadStream(video).on("error", () => response.destroy()).pipe(response);
      return;
    }
    const [type, body] = pages[url] ?? ["text/plain", ""];
    response.writeHead(url in pages ? 200 : 404, { "content-type": type }).end(body);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  return site;
}

async function runSession(browser, site, options) {
  const page = await browser.newPage();
  const log = watchConsole(page);
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const session = page.evaluate((options) => window.runSession(options), {
    server: options.server,
    video: "/video",
    apiKey: options["api-key"],
    timeoutMs: options.timeoutMs,
    params: {
      ...workflow(options),
      streamOutputNames: [],
      dataOutputNames: options["data-output"],
      realtimeProcessing: options.realtime,
    },
  });
  const report = await Promise.race([session, giveUpAfter(options.timeoutMs + SETUP_SECONDS * 1000)]);
  return { ...report, unreadable_messages: log.unreadable, console_errors: log.errors };
}

function watchConsole(page) {
  const log = { unreadable: 0, errors: [] };
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    if (message.text().includes(UNREADABLE)) log.unreadable += 1;
    else log.errors.push(message.text());
  });
  return log;
}

function giveUpAfter(milliseconds) {
  const exception = "the page did not answer in time";
  return new Promise((resolve) => setTimeout(resolve, milliseconds, { exception }).unref());
}

function succeeded(report, frames) {
  if (report.exception !== null || !report.processing_complete || report.unreadable_messages > 0) return false;
  return frames === undefined || JSON.stringify(report.frame_ids) === JSON.stringify([[1, frames]]);
}

process.exitCode = await main();
