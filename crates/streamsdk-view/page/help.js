// The sheet of keys.

import { COMMANDS, keyName } from "./commands.js";
import { make, newId } from "./dom.js";
import { keysAreOn, setKeysOn } from "./keys.js";

/** Makes the sheet. Gives what opens it. */
export function makeHelp() {
  const rows = Object.values(COMMANDS).map(({ key, says }) => row(keyName(key), says));
  rows.unshift(row("?", "This sheet"), row("1 – 9", "Go to that stream"));
  const title = newId("help");
  const close = make("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const onchange = (event) => setKeysOn(event.target.checked);
  const areOn = make("input", { type: "checkbox", onchange });
  const dialog = make(
    "dialog",
    { "aria-labelledby": title },
    make("div", { class: "dialog-head" }, make("h2", { id: title }, "Keys"), close),
    make("p", {}, make("label", {}, areOn, " Single keys do this")),
    make(
      "p",
      {},
      "Keys act on the stream that has the focus, or had it last. Arrows move a picture that is ",
      "zoomed and has the focus. The wheel zooms a picture that has the focus, or with Ctrl; a ",
      "double click zooms, too.",
    ),
    make("table", {}, make("thead", {}, head()), make("tbody", {}, ...rows)),
  );
  document.body.append(dialog);
  return () => {
    areOn.checked = keysAreOn();
    if (!dialog.open) dialog.showModal();
  };
}

function head() {
  return make(
    "tr",
    {},
    make("th", { scope: "col" }, "Key"),
    make("th", { scope: "col" }, "What it does"),
  );
}

function row(key, says) {
  return make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, says));
}
