import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatState } from "../../../static/js/chat-state.js";

const line = (id, seq, more = {}) => ({ id, seq, rev: seq, text: id, status: "complete", variant: 0, variants: [], ...more });
const open = (id, seq, more = {}) => line(id, seq, { text: "", status: "pending", next_index: 0, ...more });
const delta = (message, index, text, variant = 0) => ({ message, variant, index, text });
const textOf = (state, id) => state.byId.get(id).text;

test("messages stand in the order of their places, whatever came first", () => {
  const state = new ChatState({ messages: [line("b", 5), line("a", 2)] });
  state.merge(line("c", 9));
  assert.deepEqual(state.list.map((m) => m.id), ["a", "b", "c"]);
  assert.equal(state.last.id, "c");
});

test("a message that comes twice is one message", () => {
  const state = new ChatState();
  assert.equal(state.merge(line("a", 1)), "added");
  assert.equal(state.merge(line("a", 1)), "changed");
  assert.equal(state.list.length, 1);
});

test("an older state of a message never replaces a newer one", () => {
  const state = new ChatState({ messages: [line("a", 1, { rev: 7, text: "new" })] });
  assert.equal(state.merge(line("a", 1, { rev: 3, text: "old" })), "stale");
  assert.equal(textOf(state, "a"), "new");
});

test("deltas are applied in order, and those seen already are dropped", () => {
  const state = new ChatState({ messages: [open("r", 1)] });
  assert.equal(state.applyDelta(delta("r", 0, "Good ")), "appended");
  assert.equal(state.applyDelta(delta("r", 0, "Good ")), "dropped");
  assert.equal(state.applyDelta(delta("r", 2, "!")), "held");
  assert.equal(state.isWaitingForDelta("r"), true);
  assert.equal(state.applyDelta(delta("r", 1, "evening")), "appended");
  assert.equal(textOf(state, "r"), "Good evening!");
  assert.equal(state.isWaitingForDelta("r"), false);
  assert.equal(state.byId.get("r").status, "streaming");
});

test("deltas that come before their message wait for it", () => {
  const state = new ChatState();
  assert.equal(state.applyDelta(delta("r", 0, "a")), "held");
  assert.equal(state.applyDelta(delta("r", 1, "b")), "held");
  state.merge(open("r", 1));
  assert.equal(textOf(state, "r"), "ab");
});

test("a listed reply in progress goes on from its next_index", () => {
  const state = new ChatState({ messages: [open("r", 4, { text: "abc", next_index: 3, status: "streaming" })] });
  assert.equal(state.applyDelta(delta("r", 2, "c")), "dropped");
  assert.equal(state.applyDelta(delta("r", 3, "d")), "appended");
  assert.equal(textOf(state, "r"), "abcd");
});

test("a replay that was overtaken by live deltas takes nothing back", () => {
  const state = new ChatState({ messages: [open("r", 4)] });
  for (const [index, text] of ["a", "b", "c"].entries()) state.applyDelta(delta("r", index, text));
  state.merge(open("r", 4, { text: "ab", next_index: 2, status: "streaming" }));
  assert.equal(textOf(state, "r"), "abc");
  assert.equal(state.applyDelta(delta("r", 3, "d")), "appended");
});

test("a replay fills the hole before deltas that were held", () => {
  const state = new ChatState({ messages: [open("r", 4)] });
  state.applyDelta(delta("r", 0, "a"));
  state.applyDelta(delta("r", 5, "f"));
  state.merge(open("r", 4, { text: "abcde", next_index: 5, status: "streaming" }));
  assert.equal(textOf(state, "r"), "abcdef");
});

test("a state without next_index keeps what was streamed", () => {
  const state = new ChatState({ messages: [open("r", 4)] });
  state.applyDelta(delta("r", 0, "a"));
  state.merge(open("r", 4, { rev: 5, status: "streaming", next_index: undefined }));
  assert.equal(textOf(state, "r"), "a");
});

test("a reply begun anew in the same take starts from what the server has", () => {
  const state = new ChatState({ messages: [open("r", 4)] });
  state.applyDelta(delta("r", 0, "lost start"));
  state.merge(open("r", 4, { rev: 6, text: "other", next_index: 1, status: "streaming" }));
  assert.equal(textOf(state, "r"), "other");
  state.applyDelta(delta("r", 1, " words"));
  assert.equal(textOf(state, "r"), "other words");
});

test("another take counts its deltas from 0 and ignores those of the take before", () => {
  const state = new ChatState({ messages: [line("r", 4)] });
  assert.equal(state.applyDelta(delta("r", 0, "n", 1)), "held");
  state.merge(open("r", 4, { rev: 5, variant: 1 }));
  assert.equal(state.applyDelta(delta("r", 1, "ew", 1)), "appended");
  state.applyDelta(delta("r", 7, "late", 0));
  assert.equal(textOf(state, "r"), "new");
});

test("a take that goes on keeps its text and appends", () => {
  const state = new ChatState({ messages: [line("r", 4, { text: "Once" })] });
  state.merge(open("r", 4, { rev: 5, text: "Once", next_index: 0 }));
  state.applyDelta(delta("r", 0, " more"));
  assert.equal(textOf(state, "r"), "Once more");
});

test("after its end a reply takes no more deltas", () => {
  const state = new ChatState({ messages: [open("r", 1)] });
  state.applyDelta(delta("r", 0, "a"));
  state.merge(line("r", 1, { rev: 2, text: "a, done" }));
  assert.equal(state.applyDelta(delta("r", 1, "b")), "dropped");
  assert.equal(textOf(state, "r"), "a, done");
  assert.equal(state.replying, null);
});

test("a deleted message does not come back by an older frame", () => {
  const state = new ChatState({ messages: [line("a", 1)] });
  assert.equal(state.drop("a", 5), true);
  assert.equal(state.merge(line("a", 1, { rev: 4 })), "stale");
  assert.equal(state.applyDelta(delta("a", 0, "x")), "dropped");
  assert.equal(state.list.length, 0);
});

test("the page asks from the newest number it knows, or from before an open reply", () => {
  const state = new ChatState({ messages: [line("a", 1), line("b", 2, { rev: 9 })] });
  assert.equal(state.since, 9);
  state.saw(12);
  state.saw(3);
  assert.equal(state.since, 12);
  state.merge(open("r", 13));
  assert.equal(state.since, 12);
  state.saw(20);
  assert.equal(state.since, 12);
  state.merge(line("r", 13, { rev: 21 }));
  assert.equal(state.since, 21);
});

test("the server's own number wins over the highest change on the page", () => {
  assert.equal(new ChatState({ messages: [line("a", 1, { rev: 9 })], latest: 7 }).since, 7);
  assert.equal(new ChatState({ messages: [] }).since, 0);
});

test("after a gap the page is what was read, and what came in since", () => {
  const state = new ChatState({ messages: [line("old", 1), open("r", 2)], next: "c1" });
  state.merge(line("fresh", 50));
  state.replaceAll([line("x", 30), line("y", 31, { rev: 40 })], "c9", 45);
  assert.deepEqual(state.list.map((m) => m.id), ["x", "y", "fresh"]);
  assert.equal(state.next, "c9");
  assert.equal(state.since, 50);
});

test("an older page goes to the front, each message once", () => {
  const state = new ChatState({ messages: [line("c", 3)], next: "c1" });
  const added = state.prepend([line("b", 2), line("c", 3), line("a", 1)], null);
  assert.deepEqual(added.map((m) => m.id), ["b", "a"]);
  assert.deepEqual(state.list.map((m) => m.id), ["a", "b", "c"]);
  assert.equal(state.next, null);
});

test("a change in history that is not loaded is left for when it is", () => {
  const state = new ChatState({ messages: [line("c", 30)], next: "c1" });
  assert.equal(state.isBeforePage(line("a", 1, { rev: 60 })), true);
  assert.equal(state.isBeforePage(line("c", 30)), false);
  state.next = null;
  assert.equal(state.isBeforePage(line("a", 1)), false);
});

test("any order of delivery with repeats ends in the same words", () => {
  const words = Array.from({ length: 40 }, (_, index) => `w${index} `);
  for (let round = 0; round < 50; round += 1) {
    const state = new ChatState();
    const frames = words.map((text, index) => () => state.applyDelta(delta("r", index, text)));
    frames.push(() => state.merge(open("r", 1)));
    const cut = round % words.length;
    frames.push(() => state.merge(open("r", 1, { text: words.slice(0, cut).join(""), next_index: cut })));
    for (const frame of [...frames, ...frames].sort(() => Math.random() - 0.5)) frame();
    assert.equal(textOf(state, "r"), words.join(""));
  }
});
