// What a conversation is, as far as this page knows: messages, deltas and their order. No DOM and no network in here.
//
// The rules come from the contract, section 6: a message has its place (`seq`) and the number of its last change (`rev`);
// a delta has its place (`index`) within one variant; a reply in progress that is listed or replayed carries the text so
// far and `next_index`, the number of deltas in it. Everything may arrive twice, late or out of order.

const IN_PROGRESS = new Set(["pending", "streaming"]);
const HELD_DELTAS = 2000;

export const isInProgress = (message) => IN_PROGRESS.has(message.status);

export class ChatState {
  /** `messages` in any order; `latest` the topic's last number if known; `me` the reader's id. */
  constructor({ messages = [], latest = null, next = null, me = null } = {}) {
    this.me = me;
    this.byId = new Map();
    this.gone = new Map();
    this.streams = new Map();
    this.next = next;
    this.latest = latest ?? 0;
    for (const message of messages) this.merge(message);
    if (latest !== null) this.latest = latest;
  }

  /** Messages in their order. */
  get list() {
    return [...this.byId.values()].sort((a, b) => a.seq - b.seq);
  }

  get last() {
    return this.list.at(-1) ?? null;
  }

  /** The reply that is being written, or null. */
  get replying() {
    return this.list.findLast(isInProgress) ?? null;
  }

  /**
   * The number to follow the topic from. Deltas are not numbered, so a reply in progress is asked for once more: it comes
   * with its text so far and nothing of it is missed, however long the connection was away.
   */
  get since() {
    const open = this.list.filter(isInProgress).map((message) => message.rev - 1);
    return Math.max(0, Math.min(this.latest, ...open));
  }

  /** Takes a numbered frame's number. */
  saw(seq) {
    if (Number.isInteger(seq)) this.latest = Math.max(this.latest, seq);
  }

  /** Takes a message as it is now. Returns "added", "changed" or "stale". */
  merge(message) {
    if (this.gone.has(message.id) && message.rev <= this.gone.get(message.id)) return "stale";
    const known = this.byId.get(message.id);
    if (known && message.rev < known.rev) return "stale";
    this.saw(message.rev);
    const merged = isInProgress(message) ? this.mergeOpen(known, message) : message;
    if (!isInProgress(message)) this.streams.delete(message.id);
    this.byId.set(message.id, merged);
    if (isInProgress(merged)) this.drain(merged);
    return known ? "changed" : "added";
  }

  mergeOpen(known, message) {
    const stream = this.streamOf(message.id);
    const sameTake = known && isInProgress(known) && known.variant === message.variant;
    const incoming = message.next_index ?? null;
    // Live deltas may have overtaken the text that was read from the database; then ours is the fuller one.
    const oursIsFuller =
      sameTake && stream.next > 0 && (incoming === null || (incoming <= stream.next && known.text.startsWith(message.text)));
    if (oursIsFuller) return { ...message, text: known.text };
    stream.next = incoming ?? 0;
    if (!sameTake) this.dropHeld(stream, message.variant);
    return { ...message, text: message.text ?? "" };
  }

  /** Takes one delta. Returns "appended", "held" (something before it is missing), or "dropped" (seen already, or over). */
  applyDelta({ message: id, variant, index, text }) {
    const message = this.byId.get(id);
    if (message && !isInProgress(message) && variant === message.variant) return "dropped";
    if (this.gone.has(id)) return "dropped";
    const stream = this.streamOf(id);
    const current = message && isInProgress(message) && message.variant === variant;
    if (current && index < stream.next) return "dropped";
    if (!current || index > stream.next) {
      if (stream.held.size < HELD_DELTAS) stream.held.set(`${variant}:${index}`, text);
      return "held";
    }
    message.text += text;
    message.status = "streaming";
    stream.next += 1;
    this.drain(message);
    return "appended";
  }

  /** Whether deltas wait for one that did not come. */
  isWaitingForDelta(id) {
    const message = this.byId.get(id);
    const stream = this.streams.get(id);
    return Boolean(message && stream && [...stream.held.keys()].some((key) => key.startsWith(`${message.variant}:`)));
  }

  /** Takes the news that a message is gone. */
  drop(id, rev) {
    this.saw(rev);
    this.gone.set(id, rev ?? Infinity);
    this.streams.delete(id);
    return this.byId.delete(id);
  }

  /** After a gap: `messages` is the newest page, read afresh; what came in since then (a higher number) stays. */
  replaceAll(messages, next, latest) {
    const newer = this.list.filter((message) => message.rev > latest);
    this.byId.clear();
    this.streams.clear();
    this.gone.clear();
    this.next = next;
    for (const message of [...messages, ...newer]) this.merge(message);
    this.latest = Math.max(latest, ...newer.map((message) => message.rev));
  }

  /** Takes an older page. */
  prepend(messages, next) {
    this.next = next;
    return messages.filter((message) => this.merge(message) === "added");
  }

  /** Whether a change to a message that is not on the page belongs to history that is not loaded. */
  isBeforePage(message) {
    const first = this.list[0];
    return Boolean(this.next && first && !this.byId.has(message.id) && message.seq < first.seq);
  }

  streamOf(id) {
    if (!this.streams.has(id)) this.streams.set(id, { next: 0, held: new Map() });
    return this.streams.get(id);
  }

  drain(message) {
    const stream = this.streamOf(message.id);
    for (const key of [...stream.held.keys()]) {
      const [variant, index] = key.split(":").map(Number);
      if (variant === message.variant && index < stream.next) stream.held.delete(key);
    }
    for (;;) {
      const key = `${message.variant}:${stream.next}`;
      if (!stream.held.has(key)) return;
      message.text += stream.held.get(key);
      message.status = "streaming";
      stream.held.delete(key);
      stream.next += 1;
    }
  }

  dropHeld(stream, variant) {
    for (const key of [...stream.held.keys()]) {
      if (!key.startsWith(`${variant}:`)) stream.held.delete(key);
    }
  }
}
