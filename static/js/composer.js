// Where one says a line: grows with it, sends with Enter, stops the reply that is under way, warns near the limit.

export const LIMIT = 16_000;
const WARN_AT = 15_000;

export class Composer {
  /** `onSend(text)` and `onStop()`; what is half written is kept under `draftKey` in this tab. */
  constructor({ form, count, onSend, onStop, draftKey }) {
    Object.assign(this, { form, count, onSend, onStop, draftKey, replying: false, stopping: false });
    this.field = form.querySelector("textarea");
    this.go = form.querySelector('[type="submit"]');
    this.field.disabled = false;
    this.text = sessionStorage.getItem(draftKey) ?? "";
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("keydown", (event) => this.key(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.replying) this.stop();
      else this.send();
    });
    this.changed();
  }

  get text() {
    return this.field.value;
  }

  set text(value) {
    this.field.value = value;
  }

  /** Puts text back that could not be sent, before whatever is there by now. */
  giveBack(text) {
    this.text = this.text ? `${text}\n${this.text}` : text;
    this.changed();
    this.field.focus();
  }

  setReplying(replying) {
    this.replying = replying;
    if (!replying) this.stopping = false;
    this.show();
  }

  key(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    const asksFirst = document.documentElement.dataset.enter === "line";
    if (asksFirst ? !(event.ctrlKey || event.metaKey) : event.shiftKey) return;
    event.preventDefault();
    this.send();
  }

  send() {
    const text = this.text.trim();
    if (!text || text.length > LIMIT) return;
    this.text = "";
    this.changed();
    this.onSend(text);
  }

  async stop() {
    this.stopping = true;
    this.show();
    await this.onStop();
    this.stopping = false;
    this.show();
  }

  changed() {
    if (this.text) sessionStorage.setItem(this.draftKey, this.text);
    else sessionStorage.removeItem(this.draftKey);
    this.grow();
    this.show();
  }

  grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  show() {
    const length = this.text.trim().length;
    const left = LIMIT - length;
    this.count.textContent = length < WARN_AT ? "" : left >= 0 ? `${left} characters left` : `${-left} characters too many`;
    this.count.classList.toggle("composer__count--over", left < 0);
    this.go.disabled = this.replying ? this.stopping : !length || left < 0;
    this.go.setAttribute("aria-label", this.replying ? "Stop the reply" : "Send");
    this.go.querySelector('[data-go="send"]').hidden = this.replying;
    this.go.querySelector('[data-go="stop"]').hidden = !this.replying;
  }
}
