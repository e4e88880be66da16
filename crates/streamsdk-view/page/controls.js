// The buttons below a picture.

import { addressOf } from "./api.js";
import { COMMANDS, keyName } from "./commands.js";
import { canPictureInPicture, canRecord } from "./composite.js";
import { make, newId, setText } from "./dom.js";
import { icon } from "./icons.js";

const TOGGLES = [
  ["boxes", "Boxes"],
  ["rectangles", "Outlines"],
  ["labels", "Labels"],
  ["masks", "Masks"],
  ["keypoints", "Keypoints"],
];

export class Controls {
  #tile;
  #toggles = new Map();
  #buttons = new Map();
  #confidence;
  #confidenceText;

  /** @param {import("./tile.js").Tile} tile */
  constructor(tile) {
    this.#tile = tile;
    this.element = make(
      "div",
      { class: "controls" },
      this.#drawnGroup(),
      this.#pictureGroup(),
      this.#saveGroup(),
    );
    tile.options.listen(() => this.update());
    this.update();
  }

  update() {
    const { options, timeline, screen } = this.#tile;
    const isDrawn = options.get("boxes");
    for (const [name, button] of this.#toggles) {
      button.setAttribute("aria-pressed", String(options.get(name)));
      button.disabled = name !== "boxes" && !isDrawn;
    }
    const least = options.get("confidence");
    this.#confidence.value = String(least);
    this.#confidence.disabled = !isDrawn;
    setText(this.#confidenceText, least.toFixed(2));
    this.#setSign("pause", screen.isHeld ? "play" : "pause", screen.isHeld);
    this.#setPressed("timeline", timeline.isOn);
    this.#setPressed("record", this.#tile.isRecording("record"));
    if (this.#buttons.has("video")) this.#setPressed("video", this.#tile.isRecording("video"));
  }

  /** Before there is a picture there is nothing to be done with it. */
  enable(hasPicture) {
    for (const [name, button] of this.#buttons) {
      if (!["timeline", "messages", "fullScreen"].includes(name)) button.disabled = !hasPicture;
    }
  }

  #drawnGroup() {
    for (const [name, text] of TOGGLES)
      this.#toggles.set(name, this.#command(name, [text], "chip"));
    const id = newId("confidence");
    this.#confidence = make("input", {
      id,
      type: "range",
      min: "0",
      max: "1",
      step: "0.01",
      oninput: () => this.#tile.options.set("confidence", Number(this.#confidence.value)),
    });
    this.#confidenceText = make("output", { for: id });
    const slider = make(
      "span",
      { class: "slider" },
      make("label", { for: id }, "Confidence from"),
      this.#confidence,
      this.#confidenceText,
    );
    return group("What is drawn", ...this.#toggles.values(), slider);
  }

  #pictureGroup() {
    const names = ["pause", "timeline", "zoomOut", "fit", "zoomIn"];
    if (canPictureInPicture()) names.push("pictureInPicture");
    if (document.fullscreenEnabled) names.push("fullScreen");
    return group("Picture", ...names.map((name) => this.#iconButton(name)));
  }

  #saveGroup() {
    const names = ["snapshot", "messages"];
    if (canRecord()) names.push("record");
    if (this.#tile.isOfProgram) names.push("video");
    const [first, ...others] = names.map((name) => this.#iconButton(name));
    const links = this.#tile.isOfProgram ? [this.#snapshotLink()] : [];
    return group("Save", first, ...links, ...others);
  }

  #snapshotLink() {
    const says = "The newest picture as the program has it (JPEG)";
    const attributes = {
      class: "icon",
      target: "_blank",
      rel: "noopener",
      "aria-label": says,
      title: says,
    };
    // The token may become another one while the page is open.
    const renew = () => (link.href = addressOf("/snapshot.jpg", this.#tile.stream));
    const link = make(
      "a",
      { ...attributes, onclick: renew, onauxclick: renew, onfocus: renew },
      icon("jpeg"),
    );
    renew();
    return link;
  }

  #iconButton(name) {
    const button = this.#command(name, [icon(name)], "icon");
    button.setAttribute("aria-label", COMMANDS[name].says);
    this.#buttons.set(name, button);
    return button;
  }

  #command(name, children, style) {
    const { key, says, run } = COMMANDS[name];
    const shortcut = keyName(key);
    const attributes = {
      type: "button",
      class: style,
      title: `${says} (${shortcut})`,
      "aria-keyshortcuts": shortcut,
    };
    return make("button", { ...attributes, onclick: () => run(this.#tile) }, ...children);
  }

  #setPressed(name, isPressed) {
    this.#buttons.get(name)?.setAttribute("aria-pressed", String(isPressed));
  }

  #setSign(name, sign, isPressed) {
    const button = this.#buttons.get(name);
    if (button.dataset.sign !== sign) {
      button.dataset.sign = sign;
      button.replaceChildren(icon(sign));
    }
    this.#setPressed(name, isPressed);
  }
}

function group(name, ...children) {
  return make("div", { class: "group", role: "group", "aria-label": name }, ...children);
}
