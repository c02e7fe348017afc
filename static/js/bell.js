// The bell: how much is unread. Frames of notifications keep it fresh; each says how many there are.

import { get } from "./api.js";
import { pageSocket } from "./socket.js";

const COUNTED_TO = 99;
const FRAMES = ["notification", "notification.read", "notification.deleted"];

/** What the bell says: {figure, words}. */
export function bellWords(unread) {
  if (unread > COUNTED_TO) return { figure: `${COUNTED_TO}+`, words: `, more than ${COUNTED_TO} unread` };
  return { figure: String(unread), words: unread ? `, ${unread} unread` : "" };
}

export function showInBell(unread) {
  const { figure, words } = bellWords(unread);
  for (const bell of document.querySelectorAll("[data-bell]")) {
    const place = bell.querySelector("[data-bell-count]");
    if (place.textContent === figure) continue;
    place.textContent = figure;
    place.hidden = !unread;
    bell.querySelector("[data-bell-words]").textContent = words;
    bell.classList.remove("bell--rings");
    void bell.offsetWidth; // lets the animation start anew
    bell.classList.add("bell--rings");
  }
}

/** Follows what is unread, and reads it afresh after a break. */
export function startBell() {
  let opened = 0;
  const refresh = () => get("/api/notifications?limit=1").then((page) => showInBell(page.unread), () => {});
  const socket = pageSocket({ onState: ({ state }) => state === "open" && (opened += 1) > 1 && refresh() });
  for (const type of FRAMES) socket.on(type, (frame) => showInBell(frame.data.unread));
}
