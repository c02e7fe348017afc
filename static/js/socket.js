// One WebSocket for the page: commands with answers, topics that are followed again after every break.

const ACK_MS = 15_000;
const PING_MS = 25_000;
const PONG_MS = 10_000;
const PROBE_MS = 3_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const SIGNED_OUT = 4001;
const FLOOD = 4008;

export class CommandError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.code);
    Object.assign(this, problem);
  }
}

/** How long to wait before the try after `failures` failures: doubling, capped, and never the same for two clients. */
export function backoff(failures, random = Math.random) {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return Math.round(ceiling * (0.5 + random() / 2));
}

/**
 * States: "connecting", "open", "waiting" (for the next try, or `leaving` when the server said bye), "signed-out".
 * `onState({state, retryAt?, leaving?})` hears of each; `on(type, handler)` takes frames of any topic.
 */
export class Socket {
  constructor({ url, open = (address) => new WebSocket(address), onState = () => {}, now = Date.now }) {
    Object.assign(this, { url, openSocket: open, onState, now });
    this.state = "waiting";
    this.failures = 0;
    this.number = 0;
    this.heard = 0;
    this.waiting = new Map();
    this.topics = new Map();
    this.handlers = new Map();
    this.byeDelay = null;
  }

  /** Connects and stays connected. */
  start() {
    this.connect();
    return this;
  }

  on(type, handler) {
    this.handlers.set(type, [...(this.handlers.get(type) ?? []), handler]);
    return this;
  }

  /**
   * Follows a topic. `since()` gives the number of the last change the page has (or null), asked anew at each connection.
   * `onFrame(frame)` takes its frames; `onGap({since, latest})` reads afresh and resolves when the page is up to date;
   * `onReady(data)` hears of each subscription that stands; `onRefused(error)` of one that never will.
   */
  follow(topic, listener) {
    this.topics.set(topic, listener);
    if (this.state === "open") this.subscribe(topic);
  }

  /** Sends a command; resolves to the answer's data, rejects with CommandError. */
  command(type, payload = {}, { timeout = ACK_MS } = {}) {
    if (this.state !== "open") return Promise.reject(new CommandError({ code: "DISCONNECTED" }));
    const id = `c${(this.number += 1)}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.settle(id, new CommandError({ code: "TIMEOUT" })), timeout);
      this.waiting.set(id, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ id, type, ...payload }));
    });
  }

  /** The network may have changed: look whether the connection still lives, or try one at once. */
  nudge() {
    if (this.state === "open") this.probe(PROBE_MS);
    else if (this.state === "waiting" && this.byeDelay === null) this.connect();
  }

  connect() {
    clearTimeout(this.retryTimer);
    this.byeDelay = null;
    this.setState("connecting");
    const socket = this.openSocket(this.url);
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => socket === this.socket && this.received(event.data);
    socket.onclose = (event) => this.closed(socket, event.code);
    socket.onerror = () => {};
    this.openTimer = setTimeout(() => this.abandon(), PONG_MS);
  }

  opened(socket) {
    if (socket !== this.socket) return;
    clearTimeout(this.openTimer);
    this.setState("open");
    this.pingTimer = setInterval(() => this.probe(PONG_MS), PING_MS);
    for (const topic of this.topics.keys()) this.subscribe(topic);
  }

  received(text) {
    this.heard += 1;
    // A connection counts as good once something came through it, not when a proxy opened it.
    this.failures = 0;
    const frame = JSON.parse(text);
    if ("ok" in frame) {
      this.settle(frame.id, frame.ok ? null : new CommandError(frame.error ?? {}), frame.data);
    } else if (frame.type === "bye") {
      this.byeDelay = frame.data?.retry_in_ms ?? FIRST_DELAY_MS;
    } else if (frame.type === "gap") {
      this.gap(frame);
    } else {
      this.topics.get(frame.topic)?.onFrame?.(frame);
      for (const handler of this.handlers.get(frame.type) ?? []) handler(frame);
    }
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    this.socket = null;
    clearTimeout(this.openTimer);
    clearTimeout(this.pongTimer);
    clearInterval(this.pingTimer);
    for (const id of [...this.waiting.keys()]) this.settle(id, new CommandError({ code: "DISCONNECTED" }));
    if (code === SIGNED_OUT) {
      this.setState("signed-out");
      return;
    }
    const leaving = this.byeDelay !== null;
    const delay = leaving ? this.byeDelay : code === FLOOD ? LONGEST_DELAY_MS : backoff(this.failures);
    this.failures += 1;
    this.retryTimer = setTimeout(() => this.connect(), delay);
    this.setState("waiting", { retryAt: this.now() + delay, leaving });
  }

  /** Gives a dead connection up without waiting for the network to notice. */
  abandon() {
    const socket = this.socket;
    if (!socket) return;
    this.closed(socket, 1006);
    socket.close();
  }

  probe(patience) {
    const heard = this.heard;
    this.command("ping", {}, { timeout: patience + 1000 }).catch(() => {});
    clearTimeout(this.pongTimer);
    this.pongTimer = setTimeout(() => this.heard === heard && this.abandon(), patience);
  }

  async subscribe(topic, since) {
    const listener = this.topics.get(topic);
    const socket = this.socket;
    const from = since ?? listener.since?.() ?? null;
    try {
      const data = await this.command("subscribe", from === null ? { topic } : { topic, since: from });
      listener.onReady?.(data);
    } catch (error) {
      if (socket !== this.socket || error.code === "DISCONNECTED") return;
      if (error.code === "TIMEOUT") this.abandon();
      else if (["NOT_READY", "RATE_LIMIT_EXCEEDED", "SERVER_ERROR"].includes(error.code)) this.subscribeLater(topic, error);
      else listener.onRefused?.(error);
    }
  }

  subscribeLater(topic, error) {
    const socket = this.socket;
    const delay = (error.retry_after ?? 0) * 1000 || backoff(2);
    setTimeout(() => socket === this.socket && this.subscribe(topic), delay);
  }

  async gap(frame) {
    const socket = this.socket;
    try {
      await this.topics.get(frame.topic)?.onGap?.(frame.data);
    } catch {
      setTimeout(() => socket === this.socket && this.gap(frame), backoff(2));
      return;
    }
    if (socket === this.socket && this.topics.has(frame.topic)) this.subscribe(frame.topic, frame.data.latest);
  }

  settle(id, error, data) {
    const command = this.waiting.get(id);
    if (!command) return;
    this.waiting.delete(id);
    clearTimeout(command.timer);
    if (error) command.reject(error);
    else command.resolve(data);
  }

  setState(state, more = {}) {
    this.state = state;
    this.onState({ state, ...more });
  }
}

let shared = null;
const stateListeners = new Set();

/** The page's own socket, connected at the first call. `onState` is called at once and at every change. */
export function pageSocket({ onState } = {}) {
  if (onState) stateListeners.add(onState);
  if (shared) {
    onState?.({ state: shared.state });
    return shared;
  }
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/`;
  shared = new Socket({ url, onState: (change) => stateListeners.forEach((listener) => listener(change)) });
  window.addEventListener("online", () => shared.nudge());
  window.addEventListener("offline", () => shared.nudge());
  window.addEventListener("pageshow", (event) => event.persisted && shared.nudge());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && shared.nudge());
  return shared.start();
}
