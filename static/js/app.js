// What every page has: theme, notes, menus that close, friendly times, and htmx's manners.

import { startBell } from "./bell.js";
import { dress } from "./format.js";
import { pageSocket } from "./socket.js";
import { startTheme } from "./theme.js";
import { startToasts, toast } from "./toast.js";

const EDGE = 8; // pixels

// So that pages written on the server show this place's time to who has chosen no zone (accounts/surroundings.py).
document.cookie = `timezone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;

startTheme();
startToasts();
dress(document);
if (document.querySelector("[data-bell]")) {
  startBell();
  pageSocket({ onState: ({ state }) => state === "signed-out" && tellSignedOut() });
}

// A chat says it itself, in the line about its connection.
function tellSignedOut() {
  if (!document.getElementById("connection")) toast("You were signed out. Reload this page to sign in again.", { danger: true });
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A menu near the lower edge opens upwards, and one that would pass the left edge moves in.
document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches("details[data-menu]") || !menu.open) return;
    const sheet = menu.querySelector(".menu__sheet");
    sheet.classList.remove("menu__sheet--up");
    sheet.style.translate = "";
    const room = (menu.closest(".stage__scroll") ?? document.documentElement).getBoundingClientRect();
    const place = sheet.getBoundingClientRect();
    const below = Math.min(room.bottom, window.innerHeight) - place.bottom;
    const above = menu.getBoundingClientRect().top - Math.max(room.top, 0) - place.height;
    sheet.classList.toggle("menu__sheet--up", below < 0 && above > 0);
    if (place.left < EDGE) sheet.style.translate = `${EDGE - place.left}px`;
  },
  { capture: true },
);

// Enter right after typing would ask the same again, and take the focus of who has gone on to the results.
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (!form.matches("[data-live-search]")) return;
  const asked = new URLSearchParams(new FormData(form)).toString();
  if (form.dataset.asked === asked) event.preventDefault();
  form.dataset.asked = asked;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) delete event.detail.elt.dataset.asked;
});

document.addEventListener("htmx:afterSettle", (event) => dress(event.target.parentElement ?? document));
document.addEventListener("htmx:sendError", () => toast("We can't reach the house. Check your connection and try again.", { danger: true }));
document.addEventListener("htmx:responseError", (event) => {
  const slow = event.detail.xhr.status === 429;
  toast(slow ? "A little slower, please. Try again in a moment." : "That did not work. Try again.", { danger: true });
});
