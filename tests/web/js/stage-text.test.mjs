import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { parse } from "../../../static/js/stage-text.js";

const cases = JSON.parse(readFileSync(new URL("../stage_text_cases.json", import.meta.url), "utf8"));
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escape = (text) => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]);

function html(text, options) {
  const lines = (words) => escape(words).replaceAll("\n", "<br>");
  const piece = ({ type, text: words }) => (type === "text" ? lines(words) : `<${type}>${lines(words)}</${type}>`);
  return parse(text, options)
    .map((pieces) => `<p>${pieces.map(piece).join("")}</p>`)
    .join("");
}

for (const { text, html: wanted } of cases) {
  test(`the text ${JSON.stringify(text).slice(0, 40)} reads as the server reads it`, () => assert.equal(html(text), wanted));
}

test("a direction that is still being written is one already", () => {
  assert.equal(html("Hm. *She turns", { open: true }), "<p>Hm. <em>She turns</em></p>");
  assert.equal(html("Hm. **Now", { open: true }), "<p>Hm. <strong>Now</strong></p>");
  assert.equal(html("*One*\n\n*two", { open: true }), "<p><em>One</em></p><p><em>two</em></p>");
  assert.equal(html("2 * 3", { open: true }), "<p>2 * 3</p>");
  assert.equal(html("*open, but over"), "<p>*open, but over</p>");
});

test("only the last paragraph can be unfinished", () => {
  assert.equal(html("*lost\n\nend", { open: true }), "<p>*lost</p><p>end</p>");
});

test("a long hostile text is read in little time", () => {
  const started = performance.now();
  for (const sign of ["*", "**", "* ", "*a", "*a ", "**a *", "\n \n"]) parse(sign.repeat(16_000 / sign.length), { open: true });
  assert.ok(performance.now() - started < 1000);
});
