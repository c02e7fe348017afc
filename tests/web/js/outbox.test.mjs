import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox, arrived } from "../../../static/js/outbox.js";

class Storage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, value);
  removeItem = (key) => this.items.delete(key);
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function outbox({ storage = new Storage(), isReady, answers = [] } = {}) {
  const sent = [];
  const send = async (item) => {
    sent.push(item.client_id);
    const answer = answers.shift();
    if (answer) throw answer;
  };
  return { box: new Outbox({ storage, key: "outbox:1", send, isReady }), sent, storage };
}

test("lines go out one after the other and are forgotten once the server has them", async () => {
  const { box, sent, storage } = outbox();
  box.add("a", "one");
  box.add("b", "two");
  await settled();
  assert.deepEqual(sent, ["a", "b"]);
  assert.deepEqual(box.items, []);
  assert.equal(storage.items.size, 0);
});

test("a line is in the tab's storage before it is sent, and a reload sends it again under the same id", async () => {
  const { box, storage } = outbox({ isReady: () => false });
  box.add("a", "one", 7);
  const { box: after, sent } = outbox({ storage });
  assert.deepEqual(after.items, [{ client_id: "a", text: "one", after: 7, state: "waiting" }]);
  await after.pump();
  assert.deepEqual(sent, ["a"]);
});

test("a line that was on its way when the page went is sent again", () => {
  const storage = new Storage();
  storage.setItem("outbox:1", JSON.stringify([{ client_id: "a", text: "one", after: 0, state: "sending" }]));
  assert.equal(outbox({ storage }).box.items[0].state, "waiting");
});

test("a dropped connection keeps the line waiting, in its place", async () => {
  const { box, sent } = outbox({ answers: [{ code: "DISCONNECTED" }] });
  box.add("a", "one");
  await settled();
  assert.equal(box.find("a").state, "waiting");
  box.add("b", "two");
  await settled();
  assert.deepEqual(sent, ["a", "a", "b"]);
});

test("an answer that did not come is asked for again by itself", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { box, sent } = outbox({ answers: [{ code: "TIMEOUT" }, { code: "RATE_LIMIT_EXCEEDED", retry_after: 9 }] });
  box.add("a", "one");
  await settled();
  t.mock.timers.tick(3000);
  await settled();
  assert.deepEqual(sent, ["a", "a"]);
  assert.equal(box.find("a").problem.retry_after, 9);
  t.mock.timers.tick(8999);
  await settled();
  assert.equal(sent.length, 2);
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual(sent, ["a", "a", "a"]);
  assert.deepEqual(box.items, []);
});

test("a refused line stays with its reason, and does not hold the next one up", async () => {
  const { box, sent } = outbox({ answers: [{ code: "NO_CREDITS", required_credits: "0.1", remaining_credits: "0" }] });
  box.add("a", "one");
  box.add("b", "two");
  await settled();
  assert.deepEqual(sent, ["a", "b"]);
  assert.equal(box.find("a").state, "failed");
  assert.equal(box.find("a").problem.required_credits, "0.1");
  box.retry("a");
  await settled();
  assert.deepEqual(box.items, []);
});

test("a line can be taken back", () => {
  const { box, storage } = outbox({ isReady: () => false });
  box.add("a", "one");
  assert.equal(box.discard("a"), "one");
  assert.equal(box.discard("a"), null);
  assert.equal(storage.items.size, 0);
});

test("storage that is full or broken costs nothing but the memory", async () => {
  const storage = { getItem: () => "{broken", setItem: () => { throw new Error("full"); }, removeItem: () => {} };
  const { box, sent } = outbox({ storage });
  box.add("a", "one");
  await settled();
  assert.deepEqual(sent, ["a"]);
});

const message = (id, seq, text, more = {}) => ({ id, seq, text, ...more });
const item = (client_id, text, after, state = "sending") => ({ client_id, text, after, state });

test("a line whose broadcast came before its answer is not shown twice", () => {
  assert.deepEqual([...arrived([item("a", "yes ", 4)], [message("m", 5, "yes")])], ["a"]);
});

test("the same words said before do not hide a line that is not sent", () => {
  assert.equal(arrived([item("a", "yes", 5, "waiting")], [message("m", 5, "yes")]).size, 0);
});

test("each message stands for one line only", () => {
  const items = [item("a", "yes", 4), item("b", "yes", 4)];
  assert.deepEqual([...arrived(items, [message("m", 5, "yes")])], ["a"]);
});

test("a client_id decides where the server gives it", () => {
  const messages = [message("m", 5, "yes", { client_id: "other" }), message("n", 6, "yes", { client_id: "a" })];
  assert.deepEqual([...arrived([item("a", "yes", 4), item("b", "yes", 4)], messages)], ["a"]);
});

test("a refused line is always shown", () => {
  assert.equal(arrived([item("a", "yes", 4, "failed")], [message("m", 5, "yes")]).size, 0);
});
