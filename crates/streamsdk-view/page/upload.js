// A video file on its way to a worker. Knows nothing of the page.

const CHUNK_BYTES = 49_152;
/** So much may wait in the browser: enough for the network, and little where the file is dropped again. */
const MAX_WAITING = 1 << 20;

/**
 * @param {Blob} file
 * @returns {AsyncGenerator<ArrayBuffer>} Each with its number and how many there are before its bytes.
 */
export async function* chunksOf(file) {
  const total = Math.ceil(file.size / CHUNK_BYTES);
  for (let index = 0; index < total; index += 1) {
    const part = file.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const chunk = new Uint8Array(8 + part.size);
    const view = new DataView(chunk.buffer);
    view.setUint32(0, index, true);
    view.setUint32(4, total, true);
    chunk.set(new Uint8Array(await part.arrayBuffer()), 8);
    yield chunk.buffer;
  }
}

/**
 * Sends a file as fast as the channel takes it.
 *
 * @param {RTCDataChannel} channel Open.
 * @param {Blob} file
 * @param {(sent: number) => void} onProgress Called with the bytes of the file that were handed over.
 */
export async function upload(channel, file, onProgress) {
  channel.bufferedAmountLowThreshold = MAX_WAITING / 2;
  let sent = 0;
  for await (const chunk of chunksOf(file)) {
    while (channel.readyState === "open" && channel.bufferedAmount > MAX_WAITING) await isLow(channel);
    if (channel.readyState !== "open") return;
    channel.send(chunk);
    sent += chunk.byteLength - 8;
    onProgress(sent);
  }
}

function isLow(channel) {
  return new Promise((resolve) => {
    for (const name of ["bufferedamountlow", "close"])
      channel.addEventListener(name, resolve, { once: true });
  });
}
