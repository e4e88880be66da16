import assert from "node:assert/strict";
import { test } from "node:test";

import { COMMANDS, keyName, MOVES } from "../commands.js";

test("each_key_does_one_thing_and_says_what", () => {
  const keys = Object.values(COMMANDS).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(!keys.some((key) => key === "?" || /^[1-9]$/.test(key)));
  assert.ok(Object.values(COMMANDS).every(({ says, run }) => says && typeof run === "function"));
  assert.ok(MOVES.every((name) => name in COMMANDS));
});

test("keys_have_the_names_that_people_know", () => {
  assert.deepEqual([" ", "ArrowLeft", "b"].map(keyName), ["Space", "←", "b"]);
});
