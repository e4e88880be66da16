// Zoom and pan of a screen, by wheel, pointer and keys.

const WHEEL = 0.0016;
/** A page that was just scrolled goes on to be scrolled. */
const SCROLLING_MS = 400;

let scrolledAt = -Infinity;
addEventListener("scroll", () => (scrolledAt = performance.now()), { passive: true });

export class Zoom {
  #screen;
  #onChange;
  #pointers = new Map();

  /** @param {import("./screen.js").Screen} screen @param {() => void} onChange */
  constructor(screen, onChange) {
    this.#screen = screen;
    this.#onChange = onChange;
    const { element } = screen;
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("dblclick", (event) => this.#doubleClick(event));
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(name, (event) => this.#pointers.delete(event.pointerId));
    }
  }

  get isZoomed() {
    return this.#screen.view.zoom > 1;
  }

  /** @param {number} factor Of what is in the middle, or at that point of the stage. */
  by(factor, x, y) {
    if (!this.#screen.hasPicture) return;
    this.#screen.view.zoomBy(factor, x, y);
    this.#changed();
  }

  pan(x, y) {
    this.#screen.view.panBy(x, y);
    this.#changed();
  }

  reset() {
    this.#screen.view.reset();
    this.#changed();
  }

  #changed() {
    this.#screen.element.classList.toggle("zoomed", this.isZoomed);
    this.#screen.viewChanged();
    this.#onChange();
  }

  /** The page is scrolled by the wheel, too: a picture that merely passes by is not zoomed. */
  #wheel(event) {
    const isMeant =
      event.ctrlKey ||
      this.isZoomed ||
      document.activeElement === this.#screen.element ||
      document.fullscreenElement !== null ||
      (event.deltaY < 0 && scrollY <= 0 && performance.now() - scrolledAt > SCROLLING_MS);
    if (
      !isMeant ||
      !this.#screen.hasPicture ||
      (event.deltaY > 0 && !this.isZoomed && !event.ctrlKey)
    )
      return;
    event.preventDefault();
    const pixels =
      event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 30;
    this.by(Math.exp(-pixels * WHEEL), ...this.#at(event));
  }

  #doubleClick(event) {
    if (this.isZoomed) this.reset();
    else this.by(2.5, ...this.#at(event));
  }

  #down(event) {
    if (event.button !== 0 || event.target.closest("button, a")) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.isZoomed || this.#pointers.size > 1)
      this.#screen.element.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (other) {
      const factor = distance(now, other) / Math.max(1, distance(before, other));
      this.by(
        factor,
        ...this.#at({ clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 }),
      );
    } else if (this.isZoomed) {
      this.pan(now.x - before.x, now.y - before.y);
    }
  }

  #at({ clientX, clientY }) {
    const { left, top } = this.#screen.element.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
