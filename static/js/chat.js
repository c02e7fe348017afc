// The stage: ties together what is known (ChatState), what is on its way (Outbox), what is seen (Lines) and the socket.

import { get } from "./api.js";
import { ChatState, isInProgress } from "./chat-state.js";
import { Lines } from "./chat-view.js";
import { Composer } from "./composer.js";
import { ConnectionLine } from "./connection.js";
import { confirmed } from "./dialog.js";
import { newId } from "./ids.js";
import { Outbox, arrived } from "./outbox.js";
import { words } from "./problems.js";
import { Scroller } from "./scroller.js";
import { pageSocket } from "./socket.js";
import { toast } from "./toast.js";
import { followWallet } from "./wallet.js";

const PAGE = 50;
const LOOK_EVERY_MS = 3000;
const SILENT_MS = 20_000;

const byId = (id) => document.getElementById(id);
const stage = JSON.parse(byId("stage-data").textContent);
const messagesPath = `/api/conversations/${stage.conversation}/messages`;
const title = document.title;

const state = new ChatState({ messages: stage.messages, latest: stage.latest ?? null, next: stage.next, me: stage.me?.id });
const lines = new Lines({
  list: byId("lines"),
  unsentList: byId("unsent"),
  template: byId("line-template"),
  me: stage.me,
  character: stage.character,
});
const scroller = new Scroller({ box: byId("scroll"), content: byId("scroll").firstElementChild, button: byId("below") });
const connection = new ConnectionLine(byId("connection"), `/sign-in?next=${encodeURIComponent(location.pathname)}`);

let opened = 0;
let heardAt = Date.now();
let readWallet = () => {};
const socket = pageSocket({ onState: lineChanged });

const outbox = new Outbox({
  storage: sessionStorage,
  key: `outbox:${stage.conversation}`,
  isReady: () => socket.state === "open" && !state.replying,
  send: async (item) => {
    const payload = { conversation: stage.conversation, text: item.text, client_id: item.client_id };
    takeAnswer(await socket.command("chat.send", payload));
  },
  onChange: showUnsent,
});

const composer = new Composer({
  form: byId("composer"),
  count: byId("count"),
  draftKey: `draft:${stage.conversation}`,
  onSend: (text) => {
    hideBroke();
    outbox.add(newId(), text, state.last?.seq ?? 0);
    scroller.toEnd();
  },
  onStop: () => state.replying && run("chat.stop", { message: state.replying.id }),
});

// --- what comes in ---------------------------------------------------------------------------------------------------

const takes = {
  "chat.message": (frame) => takeMessage(frame.data),
  "chat.updated": (frame) => takeMessage(frame.data),
  "chat.delta": (frame) => takeDelta(frame.data),
  "chat.deleted": (frame) => takeDeleted(frame.data.message ?? frame.data.id, frame.seq),
};

function takeFrame(frame) {
  takes[frame.type]?.(frame);
  state.saw(frame.seq);
}

function takeMessage(message) {
  if (state.isBeforePage(message)) return;
  const before = state.byId.get(message.id);
  const was = before && { open: isInProgress(before), variant: before.variant };
  const result = state.merge(message);
  if (result === "stale") return;
  heardAt = Date.now();
  lines.show(state.byId.get(message.id));
  if (result === "added" && state.last.id !== message.id) lines.showAll(state.list);
  if (result === "added" || was.open) scroller.arrived();
  if (was?.open && !isInProgress(message)) ended(message);
  changed();
}

const deltasToShow = new Set();

function takeDelta(delta) {
  if (state.applyDelta(delta) !== "appended") return;
  heardAt = Date.now();
  // Many deltas may come between two pictures of the screen; each line is drawn once for each.
  if (deltasToShow.size === 0) requestAnimationFrame(showDeltas);
  deltasToShow.add(delta.message);
}

function showDeltas() {
  for (const id of deltasToShow) {
    const message = state.byId.get(id);
    if (message) lines.showDelta(message);
  }
  deltasToShow.clear();
  scroller.arrived();
}

function takeDeleted(id, rev) {
  if (!state.drop(id, rev)) return;
  lines.remove(id);
  changed();
}

/** Answers to commands carry messages too: {message}, {reply}, both, or a message itself. */
function takeAnswer(data) {
  for (const message of [data, data?.message, data?.reply]) {
    if (message?.id && Number.isInteger(message.rev)) takeMessage(message);
  }
}

function ended(message) {
  const name = message.author?.name ?? stage.character.name;
  if (message.status === "complete") byId("announcer").textContent = `${name}: ${message.text}`;
  if (message.status === "failed") byId("announcer").textContent = `${name}’s reply was lost on its way.`;
  if (document.hidden) document.title = `● ${title}`;
}

function changed() {
  const replying = Boolean(state.replying);
  composer.setReplying(replying);
  byId("footlights").classList.toggle("footlights--lit", replying);
  lines.showTools(state.last);
  markRead();
  const greeting = byId("greeting");
  if (greeting) greeting.hidden = state.byId.size > 0;
  showUnsent();
  outbox.pump();
}

let readTo = 0;

/** Tells the server how far one has read, where it is on the screen. The end of a reply has a number of its own. */
function markRead() {
  const seq = state.latest;
  if (seq <= readTo || document.hidden || !scroller.pinned || socket.state !== "open") return;
  readTo = seq;
  socket.command("chat.read", { conversation: stage.conversation, seq }).catch(() => {
    readTo = 0;
  });
}

// --- reading afresh --------------------------------------------------------------------------------------------------

async function readNewest() {
  const page = await get(`${messagesPath}?limit=${PAGE}`);
  heardAt = Date.now();
  return page;
}

async function closeGap({ latest }) {
  const page = await readNewest();
  state.replaceAll(page.items, page.next, latest);
  lines.showAll(state.list);
  showOlder();
  scroller.settle();
  changed();
}

async function lookAgain() {
  const reply = state.replying;
  if (socket.state !== "open" || !reply) return;
  const silent = Date.now() - heardAt;
  if (!(state.isWaitingForDelta(reply.id) && silent > LOOK_EVERY_MS / 2) && silent < SILENT_MS) return;
  try {
    for (const message of (await readNewest()).items) takeMessage(message);
  } catch {
    // The next look may find it.
  }
}

setInterval(lookAgain, LOOK_EVERY_MS);

// --- older lines -----------------------------------------------------------------------------------------------------

const older = byId("older");
let readingOlder = false;

function showOlder() {
  older.hidden = !state.next;
}

async function readOlder() {
  if (readingOlder || !state.next) return;
  readingOlder = true;
  try {
    const page = await get(`${messagesPath}?limit=${PAGE}&cursor=${encodeURIComponent(state.next)}`);
    state.prepend(page.items, page.next);
    scroller.keepPlace(() => {
      lines.showAll(state.list);
      showOlder();
    });
  } catch (error) {
    toast(error.message, { danger: true });
  }
  readingOlder = false;
}

older.querySelector("button").addEventListener("click", readOlder);
new IntersectionObserver(([entry]) => entry.isIntersecting && !scroller.pinned && readOlder(), {
  root: byId("scroll"),
  rootMargin: "300px 0px 0px",
}).observe(older);

// --- what one does ---------------------------------------------------------------------------------------------------

/** Sends a command that is not kept for later. Resolves to whether it went well. */
async function run(type, payload) {
  try {
    takeAnswer(await socket.command(type, payload));
    return true;
  } catch (error) {
    if (error.code === "NO_CREDITS") showBroke(error);
    else toast(words(error), { danger: true });
    return false;
  }
}

function selectTake(message, step) {
  const position = message.variants.findIndex((take) => take.index === message.variant);
  const take = message.variants[position + step];
  if (take) run("chat.select", { message: message.id, variant: take.index });
}

const does = {
  copy: async (message) => {
    try {
      await navigator.clipboard.writeText(message.text);
      toast("Copied.");
    } catch {
      toast("This browser does not let us copy. Select the text and copy it yourself.", { danger: true });
    }
  },
  edit: (message) => lines.edit(message, byId("edit-template"), (text) => run("chat.edit", { message: message.id, text })),
  delete: async (message) => (await confirmed(byId("delete-dialog"))) && run("chat.delete", { message: message.id }),
  previous: (message) => selectTake(message, -1),
  next: (message) => selectTake(message, 1),
  regenerate: (message) => startReply("chat.regenerate", message),
  continue: (message) => startReply("chat.continue", message),
};

function startReply(type, message) {
  hideBroke();
  scroller.toEnd();
  return run(type, { message: message.id });
}

byId("lines").addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  const message = button && state.byId.get(button.closest("[data-message]").dataset.message);
  if (!message) return;
  const menu = button.closest("details");
  if (menu) menu.open = false;
  does[button.dataset.do]?.(message);
});

// --- what is not sent yet --------------------------------------------------------------------------------------------

function showUnsent() {
  const own = state.list.filter((message) => lines.isOwn(message));
  const hidden = arrived(outbox.items, own);
  const items = outbox.items.filter((item) => !hidden.has(item.client_id));
  lines.showUnsent(items, waitsFor);
  connection.keep(items.filter((item) => item.state !== "failed").length);
  const broke = items.find((item) => item.problem?.code === "NO_CREDITS");
  if (broke) showBroke(broke.problem);
  scroller.settle();
}

function waitsFor(item) {
  if (item.state !== "waiting") return "";
  if (item.problem) return words(item.problem);
  if (socket.state !== "open") return opened ? "Goes out when we are connected again." : "";
  return state.replying ? "Goes out when the reply has ended." : "";
}

byId("unsent").addEventListener("click", (event) => {
  const action = event.target.closest("[data-do]")?.dataset.do;
  if (!action) return;
  const id = event.target.closest("[data-client]").dataset.client;
  hideBroke();
  if (action === "resend") outbox.retry(id);
  if (action === "take-back") composer.giveBack(outbox.discard(id));
});

function showBroke(problem) {
  byId("broke").querySelector("[data-broke-words]").textContent = words(problem);
  byId("broke").hidden = false;
}

function hideBroke() {
  byId("broke").hidden = true;
}

byId("broke").querySelector("[data-broke-retry]").addEventListener("click", () => {
  hideBroke();
  const failed = outbox.items.find((item) => item.problem?.code === "NO_CREDITS");
  if (failed) outbox.retry(failed.client_id);
  else if (state.last && !lines.isOwn(state.last)) startReply("chat.regenerate", state.last);
});

// --- the line --------------------------------------------------------------------------------------------------------

function lineChanged(change) {
  connection.change(change);
  if (change.state === "open" && (opened += 1) > 1) readWallet();
  // The first state is told while this module is still being read.
  if (change.state === "waiting") showUnsent();
}

readWallet = followWallet(socket, (wallet) => {
  if (Number(wallet.free_messages) > 0) hideBroke();
});

lines.showAll(state.list);
showOlder();
changed();
scroller.toEnd();

socket.follow(stage.topic ?? `conversation:${stage.conversation}`, {
  since: () => state.since,
  onFrame: takeFrame,
  onGap: closeGap,
  onReady: (data) => {
    state.saw(data?.latest);
    changed();
  },
  onRefused: (error) => toast(words(error), { danger: true }),
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.title = title;
  markRead();
});
if (window.matchMedia("(hover: hover)").matches) composer.field.focus({ preventScroll: true });
