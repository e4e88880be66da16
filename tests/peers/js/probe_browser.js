#!/usr/bin/env node
// Prints what browsers have of what the live page needs, as a table.
//
// usage: probe_browser.js PROGRAM...
//
// A picture is sent from the page to itself by each codec, since a codec that is listed need not work.

import { createServer } from "node:http";

import { launch } from "./browsers.js";

const CODECS = ["VP8", "H264"];

async function main() {
  const programs = process.argv.slice(2);
  if (programs.length === 0) {
    console.error("usage: probe_browser.js PROGRAM...");
    process.exit(2);
  }
  const site = createServer((_, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><link rel=icon href=data:,>"),
  );
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  try {
    for (const program of programs) await probe(program, `http://127.0.0.1:${site.address().port}/`);
  } finally {
    site.closeAllConnections();
    site.close();
  }
}

async function probe(program, url) {
  const browser = await launch(program);
  try {
    console.log(`${program}: ${await browser.version()}`);
    const page = await browser.newPage();
    await page.goto(url);
    const rows = { ...(await page.evaluate(whatIsThere, CODECS)) };
    for (const codec of CODECS) Object.assign(rows, await page.evaluate(sendToItself, codec));
    const widest = Math.max(...Object.keys(rows).map((name) => name.length));
    for (const [name, value] of Object.entries(rows)) console.log(`  ${name.padEnd(widest)}  ${value}`);
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
function whatIsThere(codecs) {
  const listed = RTCRtpReceiver.getCapabilities("video").codecs;
  const lines = (codec) =>
    listed.filter((one) => one.mimeType === `video/${codec}`).map((one) => one.sdpFmtpLine ?? "-").join(" | ");
  return {
    ...Object.fromEntries(codecs.map((codec) => [`${codec} is listed`, lines(codec) || "no"])),
    requestVideoFrameCallback: "requestVideoFrameCallback" in HTMLVideoElement.prototype,
    "timing of requestAnimationFrame": "requestAnimationFrame" in window,
  };
}

/** Runs in the page. A drawing goes over a connection to the page itself, and what comes out is looked at. */
async function sendToItself(codec) {
  const [sender, receiver] = [new RTCPeerConnection(), new RTCPeerConnection()];
  const found = {};
  const drawing = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const context = drawing.getContext("2d");
  let drawn = 0;
  const timer = setInterval(() => {
    context.fillStyle = `rgb(${(drawn += 7) % 256} 90 200)`;
    context.fillRect(0, 0, drawing.width, drawing.height);
  }, 33);
  try {
    const [track] = drawing.captureStream(30).getTracks();
    const transceiver = sender.addTransceiver(track, { direction: "sendonly" });
    const wanted = RTCRtpSender.getCapabilities("video").codecs.filter((one) => one.mimeType === `video/${codec}`);
    if (wanted.length === 0) return { [`${codec} is shown`]: "no encoder to try it with" };
    transceiver.setCodecPreferences(wanted);
    const video = document.body.appendChild(Object.assign(document.createElement("video"), { muted: true }));
    receiver.ontrack = (event) => {
      video.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      video.play();
    };
    for (const [one, other] of [[sender, receiver], [receiver, sender]]) {
      one.onicecandidate = ({ candidate }) => candidate && other.addIceCandidate(candidate);
    }
    await sender.setLocalDescription();
    await receiver.setRemoteDescription(sender.localDescription);
    await receiver.setLocalDescription();
    await sender.setRemoteDescription(receiver.localDescription);
    const metadata = await new Promise((resolve) => {
      setTimeout(resolve, 10_000, null);
      video.requestVideoFrameCallback?.((_, metadata) => resolve(metadata));
    });
    found[`${codec} is shown`] = metadata ? `${metadata.width}x${metadata.height}` : "no";
    if (metadata) {
      const fields = Object.keys(Object.getOwnPropertyDescriptors(metadata));
      for (const field in metadata) if (!fields.includes(field)) fields.push(field);
      found[`${codec}: metadata`] = fields.map((field) => `${field}=${metadata[field]}`).join(" ");
      found[`${codec}: rtpTimestamp`] = metadata.rtpTimestamp ?? "no";
    }
    const report = [...(await receiver.getStats()).values()].find((one) => one.type === "inbound-rtp");
    found[`${codec}: decoder`] = `${report?.decoderImplementation}, ${report?.framesDecoded} frames`;
    video.remove();
  } catch (error) {
    found[`${codec} is shown`] = String(error);
  } finally {
    clearInterval(timer);
    sender.close();
    receiver.close();
  }
  return found;
}

await main();
