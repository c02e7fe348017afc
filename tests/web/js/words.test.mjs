import assert from "node:assert/strict";
import { test } from "node:test";

import { connectionWords } from "../../../static/js/connection.js";
import { count, credits, relativeTime } from "../../../static/js/format.js";
import { passes, words } from "../../../static/js/problems.js";
import { cornerWords } from "../../../static/js/wallet.js";

test("credits have no trailing zeros and stay exact", () => {
  const pairs = [["19.5000000", "19.5"], ["20", "20"], ["20.0000000", "20"], ["100", "100"], ["0.1000000", "0.1"], ["0", "0"], [undefined, "0"]];
  for (const [value, wanted] of pairs) assert.equal(credits(value), wanted);
  assert.equal(credits("1234567890123.0000001"), "1234567890123.0000001");
});

test("the corner shows free messages first, then the balance", () => {
  assert.deepEqual(cornerWords({ free_messages: 8, total: "20" }), { figure: "8 free", words: "messages left", empty: false });
  assert.deepEqual(cornerWords({ free_messages: 1, total: "20" }), { figure: "1 free", words: "message left", empty: false });
  assert.deepEqual(cornerWords({ free_messages: 0, total: "19.9000000" }), { figure: "19.9", words: "credits left", empty: false });
  assert.deepEqual(cornerWords({ free_messages: 0, total: "1" }), { figure: "1", words: "credit left", empty: false });
  assert.deepEqual(cornerWords({ free_messages: 0, total: "0" }), { figure: "0", words: "credits left", empty: true });
});

test("times are said as people say them", () => {
  const now = Date.parse("2025-11-20T12:00:00Z");
  const ago = (seconds) => relativeTime(new Date(now - seconds * 1000).toISOString(), now);
  assert.equal(ago(5), "just now");
  assert.equal(ago(-30), "just now");
  assert.equal(ago(60), "1 minute ago");
  assert.equal(ago(3 * 3600 + 100), "3 hours ago");
  assert.equal(ago(25 * 3600), "yesterday");
  assert.equal(ago(3 * 86_400), "3 days ago");
  assert.equal(relativeTime("2025-06-03T12:00:00Z", now), "3 June");
  assert.equal(relativeTime("2027-06-03T12:00:00Z", now), "3 June 2027");
  assert.equal(relativeTime("2024-06-03T12:00:00Z", now), "3 June 2024");
  assert.equal(relativeTime("not a time", now), "");
});

test("large counts are short", () => {
  assert.deepEqual([0, 999, 1234, 33_870, 1_200_000].map(count), ["0", "999", "1.2K", "33.9K", "1.2M"]);
});

test("every problem has words, and those we know say what is kept", () => {
  assert.match(words({ code: "NO_CREDITS", required_credits: "0.1", remaining_credits: "0.05" }), /0\.1.*0\.05.*kept/);
  assert.match(words({ code: "RATE_LIMIT_EXCEEDED", retry_after: 2.2 }), /3 seconds/);
  assert.match(words({ code: "RATE_LIMIT_EXCEEDED" }), /a second/);
  assert.equal(words({ code: "VALIDATION_ERROR", errors: { text: ["Too long."] }, detail: "x" }), "Too long.");
  assert.equal(words({ code: "MUTED", detail: "You are muted until noon." }), "You are muted until noon.");
  assert.ok(words({ code: "NEW_ONE" }));
  assert.ok(words(undefined));
});

test("only what may pass by itself is tried again by itself", () => {
  for (const code of ["NETWORK", "DISCONNECTED", "TIMEOUT", "NOT_READY", "UNAUTHENTICATED"]) assert.equal(passes({ code }), true);
  for (const code of ["NO_CREDITS", "VALIDATION_ERROR", "FORBIDDEN", "CONFLICT", "SERVER_ERROR"]) assert.equal(passes({ code }), false);
  assert.equal(passes({ code: "CONFLICT", retry_after: 1 }), true);
});

test("the connection is mentioned only when that matters", () => {
  const say = (more) => connectionWords({ state: "waiting", leaving: false, online: true, kept: 0, ...more });
  assert.equal(say({ state: "open", kept: 2 }), "");
  assert.match(say({}), /^Reconnecting/);
  assert.match(say({ online: false, kept: 1 }), /offline.*One line is kept/);
  assert.match(say({ leaving: true, kept: 3 }), /back in a moment.*3 lines are kept/);
  assert.match(say({ state: "signed-out" }), /signed out/);
});
