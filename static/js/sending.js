// Files on their way, as rows of a list: each with its progress, and what can be done about it.

import { sizeWords } from "./upload.js";

const STATES = { waiting: "Waits for its turn", arrived: "Being looked at …" };

/** `list` is the <ul>, `template` holds one row, `says` is a live region, `home` takes the focus when the last row goes. */
export class Sending {
  constructor({ list, template, says, home, uploads }) {
    Object.assign(this, { list, template, says, home, uploads });
    this.rows = new Map();
  }

  /** How it is with an upload: for `Uploads.onChange`. */
  show(upload) {
    if (["done", "cancelled"].includes(upload.state)) {
      this.say(upload.state === "done" ? `${upload.file.name} is here.` : `${upload.file.name} was stopped.`);
      this.drop(upload);
      return;
    }
    const row = this.rows.get(upload) ?? this.add(upload);
    const part = (name) => row.querySelector(`[data-sending-${name}]`);
    const isOver = ["failed", "refused"].includes(upload.state);
    if (row.dataset.state !== upload.state && isOver) this.say(`${upload.file.name}: ${upload.words}`);
    row.dataset.state = upload.state;
    part("words").textContent = this.words(upload);
    part("bar").hidden = isOver;
    if (upload.state === "arrived") part("bar").removeAttribute("value");
    else part("bar").value = upload.percent;
    part("retry").hidden = upload.state !== "failed";
    part("cancel").hidden = isOver || upload.state === "arrived";
    part("dismiss").hidden = !isOver;
    const focused = document.activeElement;
    if (row.contains(focused) && focused.hidden) row.querySelector("button:not([hidden])")?.focus();
  }

  words(upload) {
    if (upload.words) return upload.words;
    return STATES[upload.state] ?? `${upload.percent} % of ${sizeWords(upload.file.size)}`;
  }

  add(upload) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    const { name } = upload.file;
    row.querySelector("[data-sending-name]").textContent = name;
    row.querySelector("[data-sending-bar]").setAttribute("aria-label", `Sending ${name}`);
    for (const [part, words, act] of [
      ["cancel", "Stop", () => this.uploads.cancel(upload)],
      ["retry", "Try again", () => this.uploads.retry(upload)],
      ["dismiss", "Take off the list", () => this.drop(upload)],
    ]) {
      const button = row.querySelector(`[data-sending-${part}]`);
      button.setAttribute("aria-label", `${words}: ${name}`);
      button.addEventListener("click", act);
    }
    this.rows.set(upload, row);
    this.list.append(row);
    this.list.hidden = false;
    return row;
  }

  drop(upload) {
    const row = this.rows.get(upload);
    if (!row) return;
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    this.rows.delete(upload);
    this.list.hidden = !this.rows.size;
    if (hadFocus) (neighbour?.querySelector("button:not([hidden])") ?? this.home).focus();
  }

  say(words) {
    this.says.textContent = words;
  }
}
