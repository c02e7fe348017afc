import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Socket, backoff } from "../../../static/js/socket.js";

class Wire {
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closedByUs = true;
  }
  opens() {
    this.onopen();
  }
  says(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  answers(index, data = {}) {
    this.says({ id: this.sent.at(index).id, ok: true, data });
  }
  drops(code = 1006) {
    this.onclose({ code });
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
let wires;
let states;

function connected() {
  const socket = new Socket({
    url: "ws://test/ws/",
    open: () => {
      wires.push(new Wire());
      return wires.at(-1);
    },
    onState: (change) => states.push(change),
    now: () => Date.now(),
  });
  socket.start();
  return socket;
}

beforeEach((t) => {
  wires = [];
  states = [];
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

test("a command is answered by its id", async () => {
  const socket = connected();
  wires[0].opens();
  const one = socket.command("chat.send", { text: "hi" });
  const two = socket.command("chat.stop", { message: "m" });
  wires[0].answers(1, { two: true });
  wires[0].answers(0, { one: true });
  assert.deepEqual(await one, { one: true });
  assert.deepEqual(await two, { two: true });
  assert.deepEqual(wires[0].sent[0], { id: "c1", type: "chat.send", text: "hi" });
});

test("a refused command tells why", async () => {
  const socket = connected();
  wires[0].opens();
  const answer = socket.command("chat.send");
  wires[0].says({ id: "c1", ok: false, error: { code: "NO_CREDITS", remaining_credits: "0" } });
  await assert.rejects(answer, { code: "NO_CREDITS", remaining_credits: "0" });
});

test("a command without an answer ends by itself, and one without a line at once", async (t) => {
  const socket = connected();
  await assert.rejects(socket.command("chat.send"), { code: "DISCONNECTED" });
  wires[0].opens();
  const silent = socket.command("chat.send");
  t.mock.timers.tick(15_000);
  await assert.rejects(silent, { code: "TIMEOUT" });
  const cut = socket.command("chat.send");
  wires[0].drops();
  await assert.rejects(cut, { code: "DISCONNECTED" });
});

test("a topic is followed anew after every break, from where the page is by then", async (t) => {
  const socket = connected();
  let seen = 3;
  const ready = [];
  const frames = [];
  socket.follow("conversation:1", { since: () => seen, onFrame: (frame) => frames.push(frame.data), onReady: (data) => ready.push(data) });
  wires[0].opens();
  assert.deepEqual(wires[0].sent, [{ id: "c1", type: "subscribe", topic: "conversation:1", since: 3 }]);
  wires[0].answers(0, { latest: 3 });
  wires[0].says({ type: "chat.message", topic: "conversation:1", seq: 8, data: "x" });
  wires[0].says({ type: "chat.message", topic: "conversation:2", seq: 8, data: "not ours" });
  seen = 8;
  wires[0].drops();
  t.mock.timers.tick(500);
  wires[1].opens();
  assert.equal(wires[1].sent[0].since, 8);
  await settled();
  assert.deepEqual(ready, [{ latest: 3 }]);
  assert.deepEqual(frames, ["x"]);
});

test("a topic without a number is followed from now", () => {
  const socket = connected();
  wires[0].opens();
  socket.follow("job:1", {});
  assert.deepEqual(wires[0].sent[0], { id: "c1", type: "subscribe", topic: "job:1" });
});

test("a gap is read afresh, then followed from its latest", async (t) => {
  const socket = connected();
  const gaps = [];
  let broken = true;
  const onGap = async (gap) => {
    gaps.push(gap);
    if (broken) throw new Error("the server is away");
  };
  socket.follow("conversation:1", { since: () => 1, onGap });
  wires[0].opens();
  wires[0].says({ type: "gap", topic: "conversation:1", data: { since: 1, latest: 99 } });
  await settled();
  assert.equal(wires[0].sent.length, 1);
  broken = false;
  t.mock.timers.tick(2000);
  await settled();
  assert.deepEqual(gaps, [{ since: 1, latest: 99 }, { since: 1, latest: 99 }]);
  assert.equal(wires[0].sent[1].since, 99);
});

test("a topic that is refused is told so once; one that is not ready is tried again", async (t) => {
  const socket = connected();
  const refused = [];
  socket.follow("conversation:1", { onRefused: (error) => refused.push(error.code) });
  wires[0].opens();
  wires[0].says({ id: "c1", ok: false, error: { code: "NOT_READY", retry_after: 2 } });
  await settled();
  t.mock.timers.tick(2000);
  assert.equal(wires[0].sent.length, 2);
  wires[0].says({ id: "c2", ok: false, error: { code: "NOT_FOUND" } });
  await settled();
  t.mock.timers.tick(20_000);
  assert.deepEqual(refused, ["NOT_FOUND"]);
  assert.equal(wires[0].sent.filter((frame) => frame.type === "subscribe").length, 2);
});

test("it pings every 25 seconds, and gives up a connection that is silent after that", (t) => {
  connected();
  wires[0].opens();
  t.mock.timers.tick(25_000);
  assert.equal(wires[0].sent[0].type, "ping");
  wires[0].answers(0, "pong");
  t.mock.timers.tick(25_000);
  assert.equal(wires.length, 1);
  t.mock.timers.tick(10_000);
  assert.equal(wires[0].closedByUs, true);
  assert.equal(states.at(-1).state, "waiting");
  wires[0].says({ id: "late", ok: true });
  t.mock.timers.tick(1000);
  assert.equal(wires.length, 2);
});

test("when the network comes back it looks at once whether the line still lives", (t) => {
  const socket = connected();
  wires[0].opens();
  socket.nudge();
  t.mock.timers.tick(3000);
  assert.equal(wires[0].closedByUs, true);
  socket.nudge();
  assert.equal(wires.length, 2);
});

test("after bye it comes back when it was told to, and no nudge is earlier", (t) => {
  const socket = connected();
  wires[0].opens();
  wires[0].says({ type: "bye", data: { retry_in_ms: 4000 } });
  wires[0].drops(1012);
  assert.equal(states.at(-1).leaving, true);
  socket.nudge();
  t.mock.timers.tick(3999);
  assert.equal(wires.length, 1);
  t.mock.timers.tick(1);
  assert.equal(wires.length, 2);
});

test("signed out, it stays away", (t) => {
  connected();
  wires[0].opens();
  wires[0].drops(4001);
  assert.equal(states.at(-1).state, "signed-out");
  t.mock.timers.tick(600_000);
  assert.equal(wires.length, 1);
});

test("a server that never answers the handshake is given up", (t) => {
  connected();
  t.mock.timers.tick(10_000);
  assert.equal(wires[0].closedByUs, true);
  t.mock.timers.tick(500);
  assert.equal(wires.length, 2);
});

test("waiting doubles up to a limit, and starts anew once something came through", (t) => {
  const most = () => 1;
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map((n) => backoff(n, most)), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(backoff(2, () => 0), 1000);
  const socket = connected();
  for (let round = 0; round < 6; round += 1) {
    wires.at(-1).drops();
    t.mock.timers.tick(15_000);
  }
  assert.equal(socket.failures, 6);
  wires.at(-1).opens();
  wires.at(-1).says({ type: "presence", topic: "user:1", data: {} });
  assert.equal(socket.failures, 0);
});

test("whoever listens for a kind of frame gets it from any topic", () => {
  const socket = connected();
  const wallets = [];
  socket.on("wallet.updated", (frame) => wallets.push(frame.data));
  wires[0].opens();
  wires[0].says({ type: "wallet.updated", topic: "user:me", seq: 1, data: { total: "3" } });
  assert.deepEqual(wallets, [{ total: "3" }]);
});
