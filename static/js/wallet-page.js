// The ledger's page: the figures above the book follow the wallet.

import { credits } from "./format.js";
import { pageSocket } from "./socket.js";
import { followWallet } from "./wallet.js";

const own = document.querySelector("[data-corner]")?.dataset.organization;

function show(wallet) {
  if (own && wallet.organization && own !== String(wallet.organization)) return;
  for (const place of document.querySelectorAll("[data-wallet]")) {
    const figure = credits(wallet[place.dataset.wallet]);
    if (place.textContent === figure) continue;
    place.textContent = figure;
    place.classList.remove("changed");
    void place.offsetWidth; // lets the animation start anew
    place.classList.add("changed");
  }
  for (const part of document.querySelectorAll("[data-wallet-when]")) {
    part.hidden = credits(wallet[part.dataset.walletWhen]) === "0";
  }
}

let opened = 0;
let refresh = () => {};
const socket = pageSocket({ onState: ({ state }) => state === "open" && (opened += 1) > 1 && refresh() });
refresh = followWallet(socket, show);
