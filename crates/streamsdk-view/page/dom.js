// Making elements. Text only ever becomes text: nothing here takes markup.

/**
 * @param {string} tag
 * @param {Record<string, any>} attributes `class` and the like; what begins with `on` is a
 *   listener; true is an attribute without a value, and what is false, null or undefined is left
 *   out.
 * @param {...(Node|string|null)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Sets a text if it is another one: what has not changed is not announced, and a selection in it
 * stays.
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;

/** An id that nothing else on the page has. */
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}
