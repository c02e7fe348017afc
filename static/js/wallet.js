// The corner: free messages left, then credits. `wallet.updated` keeps it fresh.

import { get } from "./api.js";
import { credits } from "./format.js";

/** What the corner says for a wallet: {figure, words, empty}. */
export function cornerWords({ free_messages, total }) {
  const left = Number(free_messages) || 0;
  if (left > 0) return { figure: `${left} free`, words: left === 1 ? "message left" : "messages left", empty: false };
  const figure = credits(total);
  return { figure, words: figure === "1" ? "credit left" : "credits left", empty: figure === "0" };
}

export function showInCorner(wallet) {
  for (const corner of document.querySelectorAll("[data-corner]")) {
    const own = corner.dataset.organization;
    if (own && wallet.organization && own !== String(wallet.organization)) continue;
    const { figure, words, empty } = cornerWords(wallet);
    const place = corner.querySelector("[data-corner-figure]");
    if (place.textContent !== figure) flash(corner);
    place.textContent = figure;
    corner.querySelector("[data-corner-words]").textContent = words;
    corner.classList.toggle("corner--empty", empty);
  }
}

function flash(corner) {
  corner.classList.remove("corner--spent");
  void corner.offsetWidth; // lets the animation start anew
  corner.classList.add("corner--spent");
}

/** Follows the wallet over `socket`; `onWallet(wallet)` hears of each state. Returns a function that reads it afresh. */
export function followWallet(socket, onWallet = () => {}) {
  const take = (wallet) => {
    showInCorner(wallet);
    onWallet(wallet);
  };
  socket.on("wallet.updated", (frame) => take(frame.data));
  const shown = document.querySelector("[data-corner]")?.dataset.organization;
  const path = shown ? `/api/wallet?organization=${encodeURIComponent(shown)}` : "/api/wallet";
  return () => get(path).then(take, () => {});
}
