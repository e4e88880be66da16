// A worker of its own, as browsers have it: sees each frame before it is decoded, and tells the page what was in it.

import { takeText } from "./inside.js";

addEventListener("rtctransform", ({ transformer }) => {
  const take = new TransformStream({
    transform(frame, controller) {
      const taken = takeText(frame.data);
      if (taken) {
        postMessage(taken.text);
        frame.data = taken.video;
      }
      controller.enqueue(frame);
    },
  });
  transformer.readable.pipeThrough(take).pipeTo(transformer.writable);
});
