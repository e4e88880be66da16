#!/usr/bin/env node
// A backend as the real JavaScript SDK recommends it, so that the key stays here: it asks the server by the SDK's own functions.
//
// usage: backend.js --server URL [--api-key KEY] [--port PORT]
//
// Says `listening on URL` when it is ready.

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { InferenceHTTPClient } from "@roboflow/inference-sdk";

/** Answers `{offer, wrtcParams}`; `options` has the server and the key. */
export async function answerAsBackend(options, { offer, wrtcParams }, response) {
  const { workflowSpec, workspaceName, workflowId, ...config } = wrtcParams;
  const server = InferenceHTTPClient.init({ apiKey: options["api-key"], serverUrl: options.server });
  try {
    const answer = await server.initializeWebrtcWorker({ offer, workflowSpec, workspaceName, workflowId, config });
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
}

export async function readJson(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

function main() {
  const { values: options } = parseArgs({
    options: {
      server: { type: "string" },
      "api-key": { type: "string", default: "not-a-real-key" },
      port: { type: "string", default: "0" },
    },
  });
  const site = createServer(async (request, response) => {
    if (request.method === "POST" && request.url === "/api/init-webrtc") {
      await answerAsBackend(options, await readJson(request), response);
    } else {
      response.writeHead(404).end();
    }
  });
  site.listen(Number(options.port), "127.0.0.1", () =>
    console.log(`listening on http://127.0.0.1:${site.address().port}`),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
