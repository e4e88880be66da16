// Pictures of a class for each pixel, which come as PNG and so are read in the background.

import { colourOf } from "./colours.js";

const MAX_BASE64 = 16 << 20;
const MAX_PIXELS = 16 << 20;

/** Null while it is read, and where it cannot be read. */
const pictures = new WeakMap();

/**
 * @param {{output: string, png: string, names: Map<number, string>}} segmentation
 * @param {number} opacity
 * @param {() => void} onReady Called if it can be drawn later.
 * @returns {?{canvas: OffscreenCanvas, classes: object[]}} `classes` are those that it shows.
 */
export function segmentationPicture(segmentation, opacity, onReady) {
  if (!pictures.has(segmentation)) {
    pictures.set(segmentation, null);
    read(segmentation, opacity).then(
      (picture) => {
        pictures.set(segmentation, picture);
        onReady();
      },
      // One that is no picture stays null.
      () => {},
    );
  }
  return pictures.get(segmentation);
}

async function read({ output, png, names }, opacity) {
  if (png.length > MAX_BASE64) throw new RangeError("too long");
  const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), options);
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new RangeError("too large");
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const image = context.getImageData(0, 0, width, height);
  const present = paint(image.data, names, opacity);
  context.putImageData(image, 0, 0);
  const classes = [...present].map((classId) => {
    return { output, name: names.get(classId) ?? `class ${classId}`, classId, confidence: NaN };
  });
  return { canvas, classes };
}

/** Gray numbers become colours. What is background stays as it is in the picture. */
function paint(data, names, opacity) {
  const present = new Set();
  for (let at = 0; at < data.length; at += 4) {
    const classId = data[at];
    const name = names.get(classId) ?? "";
    const isBackground = name.toLowerCase() === "background" || (classId === 0 && name === "");
    if (!isBackground) present.add(classId);
    const colour = colourOf(classId, name);
    data.set([...colour, isBackground ? 0 : Math.round(opacity * 255)], at);
  }
  return present;
}
