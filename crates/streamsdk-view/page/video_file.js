// A stream's video as the program passes it on, without boxes, into a file.

import { fetchRecording } from "./api.js";
import { MAX_RECORDING, saveRecording } from "./download.js";

/** Takes it into memory, and saves the file at the end. */
export class VideoFile {
  #stopping = new AbortController();

  /**
   * @param {string} stream
   * @param {(text: string) => void} onEnd Called with what became of it.
   */
  constructor(stream, onEnd) {
    this.#record(stream).then(onEnd, (error) => onEnd(`No video: ${error.message}`));
  }

  stop() {
    this.#stopping.abort();
  }

  async #record(stream) {
    const parts = [];
    let size = 0;
    let isCut = false;
    try {
      const { body } = await fetchRecording(stream, this.#stopping.signal);
      const reader = body.getReader();
      for (let part; size <= MAX_RECORDING && (part = await reader.read()) && !part.done; ) {
        parts.push(part.value);
        size += part.value.byteLength;
      }
      await reader.cancel();
    } catch (error) {
      // Wherever it was cut, what there is can be played.
      isCut = !this.#stopping.signal.aborted;
      if (size === 0 && isCut) throw error;
    }
    const saved = saveRecording(parts, size, "video/mp4", stream);
    return isCut ? `The connection was lost. ${saved}` : saved;
  }
}
