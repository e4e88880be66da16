// Which part of a picture is shown where: zoom and pan. Knows nothing of the page.

export const MAX_ZOOM = 16;

/**
 * Fits a picture into a stage; zoomed, moves it so that it covers as much as it can. In CSS pixels.
 */
export class View {
  #stage = { width: 0, height: 0 };
  #picture = { width: 0, height: 0 };
  #zoom = 1;
  /** Which point of the picture is in the middle, from 0 to 1. */
  #centre = { x: 0.5, y: 0.5 };

  get zoom() {
    return this.#zoom;
  }

  get picture() {
    return this.#picture;
  }

  setStage(width, height) {
    this.#stage = { width, height };
    this.#keepWithin();
  }

  setPicture(width, height) {
    this.#picture = { width, height };
    this.#keepWithin();
  }

  /** Size of a pixel of the picture, and where its upper left corner is on the stage. */
  placement() {
    const { width, height } = this.#picture;
    if (!width || !height) return { scale: 1, left: 0, top: 0 };
    const fit = Math.min(this.#stage.width / width, this.#stage.height / height);
    const scale = fit * this.#zoom;
    return {
      scale,
      left: this.#stage.width / 2 - this.#centre.x * width * scale,
      top: this.#stage.height / 2 - this.#centre.y * height * scale,
    };
  }

  /** Zooms by a factor; what is at that point of the stage stays there. Default is its middle. */
  zoomBy(factor, x = this.#stage.width / 2, y = this.#stage.height / 2) {
    const before = this.placement();
    this.#zoom = Math.min(MAX_ZOOM, Math.max(1, this.#zoom * factor));
    const after = this.placement();
    const fixed = (at, start) => (at - start) / before.scale;
    this.#moveTo(
      x - fixed(x, before.left) * after.scale,
      y - fixed(y, before.top) * after.scale,
      after.scale,
    );
  }

  /** Moves the picture by so many pixels of the stage. */
  panBy(x, y) {
    const { scale, left, top } = this.placement();
    this.#moveTo(left + x, top + y, scale);
  }

  reset() {
    this.#zoom = 1;
    this.#centre = { x: 0.5, y: 0.5 };
  }

  #moveTo(left, top, scale) {
    const centre = (stage, start, picture) => (stage / 2 - start) / (picture * scale);
    const { width, height } = this.#picture;
    if (!width || !height || !scale) return;
    this.#centre = {
      x: centre(this.#stage.width, left, width),
      y: centre(this.#stage.height, top, height),
    };
    this.#keepWithin();
  }

  #keepWithin() {
    const { scale } = this.placement();
    const within = (centre, stage, picture) => {
      const half = stage / 2 / (picture * scale);
      return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, centre));
    };
    const { width, height } = this.#picture;
    if (!width || !height || !scale) return;
    this.#centre = {
      x: within(this.#centre.x, this.#stage.width, width),
      y: within(this.#centre.y, this.#stage.height, height),
    };
  }
}
