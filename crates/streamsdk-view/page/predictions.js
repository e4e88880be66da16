// Reads outputs of a session, by the shapes in which workflows and models report what they found.
// One odd item does not cost the others. Knows nothing of the page.

/**
 * @typedef {object} Space What coordinates refer to. A thing that was found in a crop is moved to
 *   where the crop was.
 * @property {?number} width Width in pixels of the picture that was processed; null where it was
 *   not said.
 * @property {?number} height
 * @property {number} left Where the part that was looked at begins, in pixels of that picture.
 * @property {number} top
 * @property {?number} partWidth Size of the part that was looked at; null where it was not said.
 * @property {?number} partHeight
 */

/**
 * @typedef {object} Thing One box and what came along with it, in pixels of its space.
 * @property {string} output
 * @property {string} name Name of the class.
 * @property {?number} classId
 * @property {number} confidence NaN where none was given.
 * @property {?number} track
 * @property {{left: number, top: number, width: number, height: number}} box
 * @property {?{x: number, y: number}[]} points
 * @property {?{width: number, height: number, counts: (string|number[])}} mask
 * @property {{x: number, y: number, confidence: number, name: string}[]} keypoints
 * @property {Space} space
 */

/**
 * @typedef {object} Reading
 * @property {Thing[]} things
 * @property {{output: string, name: string, classId: ?number, confidence: number}[]} classes What
 *   the picture shows as a whole.
 * @property {{output: string, png: string, names: Map<number, string>}[]} segmentations A class for
 *   each pixel.
 * @property {{name: string, value: any}[]} others What is none of these.
 */

/** So many boxes, and keypoints of a box, are read of one output. */
export const MAX_ITEMS = 1000;
/** So many corners are read of one outline. */
const MAX_POINTS = 10_000;

/**
 * @param {Record<string, any>} outputs
 * @returns {Reading}
 */
export function readOutputs(outputs) {
  const reading = { things: [], classes: [], segmentations: [], others: [] };
  for (const [name, value] of Object.entries(isObject(outputs) ? outputs : {})) {
    if (!readValue(name, value, reading)) reading.others.push({ name, value });
  }
  return reading;
}

/** Says whether it was anything known. */
function readValue(output, value, reading) {
  if (Array.isArray(value)) {
    // Those of several images, such as the crops of one picture.
    return value
      .slice(0, MAX_ITEMS)
      .map((item) => isObject(item) && readValue(output, item, reading))
      .some(Boolean);
  }
  if (!isObject(value)) return false;
  const { predictions } = value;
  if (holdsBoxes(value)) {
    for (const item of predictions.slice(0, MAX_ITEMS)) {
      if (isBox(item)) reading.things.push(readThing(output, item, value.image));
    }
    return true;
  }
  if (holdsClasses(value)) {
    readClassification(output, value, reading);
    return true;
  }
  if (isObject(predictions) && typeof predictions.segmentation_mask === "string") {
    const names = readClassMap(predictions.class_map);
    reading.segmentations.push({ output, png: predictions.segmentation_mask, names });
    return true;
  }
  if (holdsScores(value)) {
    readMultiLabel(output, value, reading);
    return true;
  }
  return false;
}

function holdsBoxes({ predictions, ...rest }) {
  if (!Array.isArray(predictions)) return false;
  // A classification may be without a class, too.
  return predictions.length === 0 ? !("top" in rest) : predictions.some(isBox);
}

function isBox(item) {
  return (
    isObject(item) &&
    [item.x, item.y, item.width, item.height].every(Number.isFinite) &&
    item.width >= 0 &&
    item.height >= 0 &&
    typeof item.class === "string"
  );
}

function holdsClasses({ predictions, top }) {
  if (!Array.isArray(predictions)) return false;
  if (predictions.length === 0) return typeof top === "string";
  return predictions.some((item) => className(item) !== null && !("x" in item));
}

function holdsScores(value) {
  const { predictions } = value;
  if (!isObject(predictions)) return false;
  const isScore = (score) => isObject(score) && "confidence" in score;
  return "predicted_classes" in value || Object.values(predictions).some(isScore);
}

function readThing(output, item, image) {
  const { x, y, width, height } = item;
  return {
    output,
    name: item.class,
    classId: integer(item.class_id),
    confidence: confidence(item.confidence),
    track: integer(item.tracker_id),
    box: { left: x - width / 2, top: y - height / 2, width, height },
    points: readPoints(item.points),
    mask: readMask(item.rle_mask) ?? readMask(item.rle),
    keypoints: readKeypoints(item.keypoints),
    space: readSpace(image, item.root_parent_origin),
  };
}

function readSpace(image, origin) {
  const partWidth = side(image?.width);
  const partHeight = side(image?.height);
  const part = { partWidth, partHeight };
  const numbers = [origin?.offset_x, origin?.offset_y, side(origin?.width), side(origin?.height)];
  if (!numbers.every(Number.isFinite)) {
    return { width: partWidth, height: partHeight, left: 0, top: 0, ...part };
  }
  const [left, top, width, height] = numbers;
  return { width, height, left, top, ...part };
}

function readPoints(list) {
  if (!Array.isArray(list)) return null;
  const points = list
    .slice(0, MAX_POINTS)
    .filter(isPoint)
    .map(({ x, y }) => ({ x, y }));
  return points.length >= 3 ? points : null;
}

function readKeypoints(list) {
  if (!Array.isArray(list)) return [];
  return list
    .slice(0, MAX_ITEMS)
    .filter(isPoint)
    .map((point) => ({
      x: point.x,
      y: point.y,
      confidence: confidence(point.confidence),
      name: className(point) ?? "",
    }));
}

function readMask(mask) {
  if (!isObject(mask) || !Array.isArray(mask.size) || mask.size.length !== 2) return null;
  const [height, width] = mask.size.map(side);
  const { counts } = mask;
  const isKnown = typeof counts === "string" || Array.isArray(counts);
  return isKnown && width !== null && height !== null ? { width, height, counts } : null;
}

function readClassification(output, value, reading) {
  if (typeof value.top !== "string" || value.top === "") return;
  const isTop = (item) => className(item) === value.top;
  const best = value.predictions.find(isTop);
  reading.classes.push({
    output,
    name: value.top,
    classId: integer(best?.class_id),
    confidence: confidence(value.confidence ?? best?.confidence),
  });
}

function readMultiLabel(output, value, reading) {
  const names = Array.isArray(value.predicted_classes) ? value.predicted_classes : [];
  for (const name of names.slice(0, MAX_ITEMS).filter((name) => typeof name === "string")) {
    const score = Object.hasOwn(value.predictions, name) ? value.predictions[name] : null;
    const classId = integer(score?.class_id);
    reading.classes.push({ output, name, classId, confidence: confidence(score?.confidence) });
  }
}

function readClassMap(map) {
  const entries = isObject(map) ? Object.entries(map) : [];
  const named = entries.filter(
    ([number, name]) => /^\d+$/.test(number) && typeof name === "string",
  );
  return new Map(named.map(([number, name]) => [Number(number), name]));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPoint(point) {
  return isObject(point) && Number.isFinite(point.x) && Number.isFinite(point.y);
}

/** The server's own name of the field is `class`; its documentation has `class_name` as well. */
function className(item) {
  const name = item?.class ?? item?.class_name;
  return typeof name === "string" ? name : null;
}

function confidence(value) {
  return Number.isFinite(value) ? value : NaN;
}

/** A whole number, also one that is written as "7". */
function integer(value) {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return Number.isSafeInteger(number) ? number : null;
}

function side(value) {
  const number = integer(value);
  return number !== null && number > 0 ? number : null;
}
