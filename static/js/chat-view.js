// Lines on the stage: makes them, changes them, keeps their order. Knows the shape of templates/chat/_line.html.

import { isInProgress } from "./chat-state.js";
import { relativeTime } from "./format.js";
import { words } from "./problems.js";
import { renderInto } from "./stage-text.js";

const EDIT_MS = 15 * 60_000;

export class Lines {
  /** `list` and `unsentList` are the two <ol>; `me` and `character` as in the bootstrap. */
  constructor({ list, unsentList, template, me, character }) {
    Object.assign(this, { list, unsentList, template, me, character });
    this.nodes = new Map();
    this.unsent = new Map();
    for (const node of list.querySelectorAll("[data-message]")) this.nodes.set(node.dataset.message, node);
  }

  isOwn(message) {
    return message.author?.kind === "user" && (!this.me?.id || message.author.id === this.me.id);
  }

  /** Shows the whole list as it is; nodes that stay are kept. */
  showAll(messages) {
    const keep = new Set(messages.map((message) => message.id));
    for (const id of [...this.nodes.keys()]) if (!keep.has(id)) this.remove(id);
    let place = this.list.firstElementChild;
    for (const message of messages) {
      const node = this.show(message);
      if (node === place) place = place.nextElementSibling;
      else this.list.insertBefore(node, place);
    }
    this.showTools(messages.at(-1));
  }

  /** Shows one message, new or changed. A new one goes to the end; `showAll` puts it right where that is wrong. */
  show(message) {
    let node = this.nodes.get(message.id);
    if (!node) {
      node = this.make(this.isOwn(message));
      node.dataset.message = message.id;
      node.id = `m-${message.id}`;
      this.nodes.set(message.id, node);
      this.list.append(node);
    }
    node.dataset.status = message.status;
    find(node, ".line__name").textContent = this.isOwn(message) ? "You" : (message.author?.name ?? this.character.name);
    showTime(find(node, "time"), message.created_at);
    find(node, "[data-edited]").hidden = !message.edited_at;
    this.showText(node, message);
    this.showNote(node, message);
    const idle = !isInProgress(message);
    find(node, ".line__menu").hidden = !idle;
    find(node, '[data-do="edit"]').hidden = !(this.isOwn(message) && Date.now() - Date.parse(message.created_at) < EDIT_MS);
    find(node, '[data-do="copy"]').hidden = !message.text;
    return node;
  }

  /** Only the words: what a delta changes. */
  showText(node, message) {
    renderInto(find(node, ".line__text"), message.text ?? "", { open: isInProgress(message) });
    find(node, "[data-wait]").hidden = !(isInProgress(message) && !message.text);
  }

  showDelta(message) {
    const node = this.nodes.get(message.id);
    if (!node) return;
    node.dataset.status = message.status;
    this.showText(node, message);
  }

  showNote(node, message) {
    const note = find(node, "[data-note]");
    note.hidden = !["failed", "stopped"].includes(message.status);
    if (message.status === "stopped") note.textContent = message.text ? "Stopped here." : "Stopped before the first word. It cost nothing.";
    if (message.status === "failed") note.textContent = failureWords(message);
  }

  /** Takes, another take, go on: for the last line only, and only when nobody speaks. */
  showTools(last) {
    for (const [id, node] of this.nodes) {
      const isLast = last && id === last.id && !this.isOwn(last) && !isInProgress(last);
      const tools = find(node, "[data-tools]");
      tools.hidden = !isLast;
      if (isLast) this.fillTools(tools, last);
    }
  }

  fillTools(tools, message) {
    const takes = message.variants ?? [];
    const position = takes.findIndex((take) => take.index === message.variant);
    find(tools, "[data-pager]").hidden = takes.length < 2;
    find(tools, "[data-pager-words]").textContent = `${position + 1} / ${takes.length}`;
    find(tools, '[data-do="previous"]').disabled = position <= 0;
    find(tools, '[data-do="next"]').disabled = position >= takes.length - 1;
    find(tools, "[data-regenerate-words]").textContent = message.status === "failed" ? "Try again" : "Another take";
    find(tools, '[data-do="continue"]').hidden = message.status === "failed" || !message.text;
  }

  remove(id) {
    this.nodes.get(id)?.remove();
    this.nodes.delete(id);
  }

  /** Shows what is not on the server yet. `why(item)` says what a waiting line waits for. */
  showUnsent(items, why) {
    const keep = new Set(items.map((item) => item.client_id));
    for (const [id, node] of this.unsent) {
      if (keep.has(id)) continue;
      node.remove();
      this.unsent.delete(id);
    }
    items.forEach((item, index) => {
      const node = this.unsentNode(item, why(item));
      if (this.unsentList.children[index] !== node) this.unsentList.append(node);
    });
  }

  unsentNode(item, reason) {
    let node = this.unsent.get(item.client_id);
    if (!node) {
      node = this.make(true);
      find(node, ".line__name").textContent = "You";
      find(node, ".line__menu").remove();
      node.dataset.client = item.client_id;
      renderInto(find(node, ".line__text"), item.text);
      this.unsent.set(item.client_id, node);
    }
    const asleep = item.state === "failed" || Boolean(reason);
    node.classList.toggle("line--unsent", asleep);
    node.dataset.status = item.state;
    const note = find(node, "[data-note]");
    const text = item.state === "failed" ? unsentWords(item.problem) : reason;
    if (note.dataset.words !== text) {
      note.dataset.words = text;
      note.replaceChildren(text, ...(asleep ? [" ", ...unsentButtons(item)] : []));
    }
    note.hidden = !asleep;
    return node;
  }

  make(own) {
    const node = this.template.content.firstElementChild.cloneNode(true);
    node.classList.toggle("line--own", own);
    if (own) find(node, ".line__cue img")?.remove();
    return node;
  }

  /** Puts a form in place of the words; `save(text)` resolves to whether it went well. */
  edit(message, template, save) {
    const node = this.nodes.get(message.id);
    if (!node || node.querySelector(".edit")) return;
    const form = template.content.firstElementChild.cloneNode(true);
    const field = form.querySelector("textarea");
    const text = find(node, ".line__text");
    field.id = `edit-${message.id}`;
    form.querySelector("label").htmlFor = field.id;
    field.value = message.text;
    const close = () => {
      form.remove();
      text.hidden = false;
      node.focus();
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const value = field.value.trim();
      if (!value || value === message.text || (await save(value))) close();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    form.querySelector('[data-do="edit-cancel"]').addEventListener("click", close);
    text.hidden = true;
    text.after(form);
    field.focus();
  }
}

function find(node, selector) {
  return node.querySelector(selector);
}

function showTime(node, iso) {
  node.setAttribute("datetime", iso);
  node.textContent = relativeTime(iso);
}

function failureWords(message) {
  const reason = message.error?.detail;
  const kept = message.text ? "What arrived is kept." : "It cost nothing.";
  return `${reason ?? "The reply was lost on its way."} ${kept}`;
}

function unsentWords(problem) {
  // The notice above the composer says the rest.
  return problem?.code === "NO_CREDITS" ? "Not sent." : `Not sent. ${words(problem)}`;
}

function unsentButtons(item) {
  const again = button("Try again", "resend");
  const back = button("Take back", "take-back");
  return item.state === "failed" ? [again, back] : [back];
}

function button(label, action) {
  const node = document.createElement("button");
  node.type = "button";
  node.dataset.do = action;
  node.textContent = label;
  return node;
}
