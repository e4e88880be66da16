// A colour for each class: the same that the Rust side draws with. Knows nothing of the page.

const GOLDEN_RATIO = 0.618033988749895;
/** After so many classes, colours come again. */
const DISTINCT = 1 << 16;
/** The least that a colour has of any part, so that none is too dark. */
const FAINTEST = 40;

/**
 * @param {?number} classId
 * @param {string} name Decides where there is no number.
 * @returns {[number, number, number]}
 */
export function colourOf(classId, name) {
  // Steps of the golden ratio never come back to where they were, and always fall into the widest
  // gap.
  const kind = classId ?? hash(name);
  const hue = ((((kind % DISTINCT) + DISTINCT) % DISTINCT) * GOLDEN_RATIO) % 1;
  const part = (shift) => {
    const distance = Math.abs(((hue + shift) % 1) * 6 - 3) - 1;
    return Math.round(FAINTEST + (255 - FAINTEST) * Math.min(1, Math.max(0, distance)));
  };
  return [part(0), part(2 / 3), part(1 / 3)];
}

/** Black or white, whichever differs more. */
export function contrastOf([red, green, blue]) {
  const brightness = (299 * red + 587 * green + 114 * blue + 500) / 1000;
  return brightness >= 128 ? "#000" : "#fff";
}

/** As CSS has it. Default opacity is 1. */
export function css([red, green, blue], opacity = 1) {
  return `rgb(${red} ${green} ${blue} / ${opacity})`;
}

function hash(text) {
  let value = 0;
  for (const character of text) value = (value * 31 + character.codePointAt(0)) % DISTINCT;
  return value;
}
