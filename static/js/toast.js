// Short notes at the edge of the page. The region is aria-live, so what is added is read out.

const STAYS_MS = 7000;

/** Shows a note. A note of danger stays until it is closed. */
export function toast(words, { danger = false } = {}) {
  const region = document.getElementById("toasts");
  const note = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  note.classList.toggle("toast--danger", danger);
  note.querySelector("p").textContent = words;
  region.append(note);
  watch(note);
}

function watch(note) {
  note.querySelector("[data-toast-close]").addEventListener("click", () => note.remove());
  if (note.classList.contains("toast--danger")) return;
  let timer = setTimeout(() => note.remove(), STAYS_MS);
  note.addEventListener("focusin", () => clearTimeout(timer));
  note.addEventListener("focusout", () => {
    timer = setTimeout(() => note.remove(), STAYS_MS);
  });
}

export function startToasts() {
  document.querySelectorAll("#toasts [data-toast]").forEach(watch);
}
