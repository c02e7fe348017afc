// The call-board: what its forms do, done in place; what other devices do is seen, and what is new is told of.

import { call, get, remove } from "./api.js";
import { showInBell } from "./bell.js";
import { pageSocket } from "./socket.js";
import { toast } from "./toast.js";

const news = document.querySelector("[data-news]");
const rowOf = (id) => document.querySelector(`[data-notification="${CSS.escape(id)}"]`);
const rows = () => [...document.querySelectorAll("[data-notification]")];
const arrived = new Set();

function setRead(row, read) {
  const toggle = row.querySelector(read ? ".pin__read button" : ".pin__unread button");
  const hadFocus = document.activeElement === toggle;
  row.classList.toggle("pin--unread", !read);
  if (hadFocus) row.querySelector(read ? ".pin__unread button" : ".pin__read button").focus();
  showReadAll();
}

/** The button stands as long as there is something to read here. */
function showReadAll() {
  const form = document.querySelector("[data-read-all]");
  if (form) form.hidden = !document.querySelector(".pin--unread");
}

function removeRow(row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  const hadFocus = row.contains(document.activeElement);
  row.remove();
  if (!rows().length) location.reload();
  else if (hadFocus) neighbour?.querySelector("button, a")?.focus();
  showReadAll();
}

// --- what is done here ------------------------------------------------------------------------------------------------

async function change(row, action) {
  const path = `/api/notifications/${row.dataset.notification}`;
  if (action === "delete") {
    await remove(path);
    removeRow(row);
    toast("The notification is gone.");
    return;
  }
  const { unread } = await call("POST", `${path}/${action}`);
  setRead(row, action === "read");
  showInBell(unread);
}

async function readAll(form) {
  const { unread } = await call("POST", "/api/notifications/read-all", { until: form.elements.until.value });
  rows().forEach((row) => setRead(row, true));
  showInBell(unread);
  document.getElementById("main").focus(); // the button is gone
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-change], [data-read-all]")) return;
  event.preventDefault();
  try {
    if (form.dataset.change) await change(form.closest("[data-notification]"), form.dataset.change);
    else await readAll(form);
  } catch (error) {
    toast(error.message, { danger: true });
  }
});

// --- what is done elsewhere -------------------------------------------------------------------------------------------

function tellOfNews() {
  const link = document.querySelector("[data-news-link]").content.firstElementChild.cloneNode(true);
  link.textContent = arrived.size === 1 ? "1 new: show it" : `${arrived.size} new: show them`;
  news.replaceChildren(...(arrived.size ? [link] : []));
}

/** After a break: what frames would have told. */
async function catchUp() {
  const newest = rows()[0]?.dataset.notification ?? "";
  const { items } = await get("/api/notifications");
  for (const item of items) {
    const row = rowOf(item.id);
    if (row) setRead(row, item.read_at !== null);
    else if (item.id > newest) arrived.add(item.id);
  }
  tellOfNews();
}

let opened = 0;
const socket = pageSocket({
  onState: ({ state }) => state === "open" && (opened += 1) > 1 && catchUp().catch(() => {}),
});
socket.on("notification", ({ data }) => {
  if (rowOf(data.id)) return;
  arrived.add(data.id);
  tellOfNews();
});
socket.on("notification.read", ({ data }) => {
  if (data.ids === null) location.reload(); // more than a frame can list
  for (const id of data.ids ?? []) {
    const row = rowOf(id);
    if (row) setRead(row, data.read_at !== null);
  }
});
socket.on("notification.deleted", ({ data }) => {
  for (const id of data.ids) {
    const row = rowOf(id);
    if (row) removeRow(row);
    if (arrived.delete(id)) tellOfNews();
  }
});
