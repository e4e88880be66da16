// What somebody wants of a worker, and what a browser knows of a session. Knows nothing of the page.

/**
 * @param {Map<string, string>} fields
 * @returns {Omit<import("./inference.js").Wish, "source"|"asVideo">} An error says what is wrong, in words.
 */
export function readWish(fields) {
  const workflow = fields.get("workflow").trim();
  if (!workflow) throw new Error("The workflow has no name.");
  const image = fields.get("image").trim() || null;
  return { workflow, image, parameters: readParameters(fields.get("parameters")), data: ["*"] };
}

function readParameters(text) {
  if (text.trim() === "") return {};
  let parameters;
  try {
    parameters = JSON.parse(text);
  } catch (error) {
    throw new Error(`The parameters are no JSON: ${error.message}`);
  }
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters))
    throw new Error('Parameters are an object, such as {"threshold": 20}.');
  return parameters;
}

/**
 * What a panel shows of a session.
 *
 * @param {?Iterable<[string, object]>} report Of `RTCPeerConnection.getStats`.
 */
export function figuresOf(report) {
  const reports = [...(report ?? [])].map(([, values]) => values);
  const of = (type) => reports.find((values) => values.type === type && values.kind === "video");
  const [inbound, outbound] = [of("inbound-rtp"), of("outbound-rtp")];
  const codec = reports.find(({ id }) => id !== undefined && id === inbound?.codecId);
  return {
    video: {
      codec: codec?.mimeType?.split("/")[1],
      received: inbound && { frames: inbound.framesDecoded, bytes: inbound.bytesReceived },
      sent: outbound && { bytes: outbound.bytesSent },
    },
  };
}
