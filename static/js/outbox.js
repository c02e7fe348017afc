// Lines on their way out. Each has a `client_id`, so that sending it again never doubles it; all of them are kept in this
// tab's storage until the server has answered, so that a reload or a dropped line loses nothing. No DOM in here.

import { passes } from "./problems.js";

const RETRY_MS = 3000;

/** States of an item: "waiting", "sending", "failed" (with `problem`). */
export class Outbox {
  /**
   * `send(item)` resolves once the server has it and rejects with a problem; `isReady()` says whether a line may go out
   * now; `onChange()` hears of every change.
   */
  constructor({ storage, key, send, isReady = () => true, onChange = () => {} }) {
    Object.assign(this, { storage, key, send, isReady, onChange });
    this.items = this.load();
    this.busy = false;
  }

  /** `after` is the place of the last message the page knew when the line was said. */
  add(client_id, text, after = 0) {
    const item = { client_id, text, after, state: "waiting" };
    this.items.push(item);
    this.changed();
    this.pump();
    return item;
  }

  /** Sends what waits, one after the other, so that lines arrive in the order they were said. */
  async pump() {
    if (this.busy || !this.isReady()) return;
    const item = this.items.find((other) => other.state === "waiting");
    if (!item) return;
    this.busy = true;
    item.state = "sending";
    this.changed();
    try {
      await this.send(item);
      this.items = this.items.filter((other) => other !== item);
    } catch (problem) {
      this.failed(item, problem);
    }
    this.busy = false;
    this.changed();
    if (item.state !== "waiting") this.pump();
  }

  failed(item, problem) {
    const wait = problem.code === "RATE_LIMIT_EXCEEDED" ? (problem.retry_after ?? 1) * 1000 : RETRY_MS;
    if (passes(problem) || problem.code === "RATE_LIMIT_EXCEEDED") {
      item.state = "waiting";
      item.problem = problem.code === "RATE_LIMIT_EXCEEDED" ? plain(problem) : undefined;
      // Without a line the socket's return sends it; the timer is for a line that stands but did not answer.
      if (problem.code !== "DISCONNECTED") setTimeout(() => this.pump(), wait);
    } else {
      item.state = "failed";
      item.problem = plain(problem);
    }
  }

  retry(client_id) {
    const item = this.find(client_id);
    if (!item || item.state === "sending") return;
    Object.assign(item, { state: "waiting", problem: undefined });
    this.changed();
    this.pump();
  }

  /** Takes a line back; returns its text. */
  discard(client_id) {
    const item = this.find(client_id);
    if (!item) return null;
    this.items = this.items.filter((other) => other !== item);
    this.changed();
    this.pump();
    return item.text;
  }

  find(client_id) {
    return this.items.find((item) => item.client_id === client_id);
  }

  changed() {
    try {
      if (this.items.length) this.storage.setItem(this.key, JSON.stringify(this.items));
      else this.storage.removeItem(this.key);
    } catch {
      // Storage may be full or forbidden; the lines then live as long as the page.
    }
    this.onChange();
  }

  load() {
    try {
      const items = JSON.parse(this.storage.getItem(this.key)) ?? [];
      // What was under way when the page went may or may not have arrived: send it again, the server knows its id.
      return items.map((item) => (item.state === "sending" ? { ...item, state: "waiting" } : item));
    } catch {
      return [];
    }
  }
}

function plain({ code, detail, retry_after, remaining_credits, required_credits, errors }) {
  return { code, detail, retry_after, remaining_credits, required_credits, errors };
}

/**
 * Which unsent items are surely on the page already: the broadcast of a line may come before its answer. Each message
 * stands for one item only. `messages` are the reader's own, oldest first.
 */
export function arrived(items, messages) {
  const hidden = new Set();
  const used = new Set();
  for (const item of items) {
    const match = messages.find(
      (message) =>
        !used.has(message.id) &&
        (message.client_id === item.client_id ||
          (message.client_id === undefined && message.seq > item.after && message.text.trim() === item.text.trim())),
    );
    if (!match || item.state === "failed") continue;
    used.add(match.id);
    hidden.add(item.client_id);
  }
  return hidden;
}
