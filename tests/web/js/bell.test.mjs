import assert from "node:assert/strict";
import { test } from "node:test";

import { bellWords } from "../../../static/js/bell.js";

test("the bell says how much is unread", () => {
  assert.deepEqual(bellWords(0), { figure: "0", words: "" });
  assert.deepEqual(bellWords(1), { figure: "1", words: ", 1 unread" });
  assert.deepEqual(bellWords(99), { figure: "99", words: ", 99 unread" });
});

test("it shows no number that does not fit", () => {
  assert.deepEqual(bellWords(100), { figure: "99+", words: ", more than 99 unread" });
  assert.deepEqual(bellWords(12345).figure, "99+");
});
