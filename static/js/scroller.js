// Keeps the end of the text in sight, but only while the reader is there.

const NEAR = 56;
const FAR = 600;

export class Scroller {
  /** `box` scrolls, `content` grows in it, `button` leads back to the end. */
  constructor({ box, content, button }) {
    Object.assign(this, { box, button, pinned: true, unseen: false });
    box.addEventListener("scroll", () => this.moved(), { passive: true });
    button.addEventListener("click", () => {
      this.toEnd();
      box.focus({ preventScroll: true });
    });
    const observer = new ResizeObserver(() => this.settle());
    observer.observe(content);
    observer.observe(box);
  }

  get distance() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
  }

  moved() {
    this.pinned = this.distance < NEAR;
    if (this.pinned) this.unseen = false;
    this.showButton();
  }

  settle() {
    if (this.pinned) this.box.scrollTop = this.box.scrollHeight;
    this.showButton();
  }

  /** Something new stands at the end. */
  arrived() {
    if (!this.pinned) this.unseen = true;
    this.settle();
  }

  toEnd() {
    this.pinned = true;
    this.unseen = false;
    this.settle();
  }

  /** Runs `change`, which adds text above, without moving what is being read. */
  keepPlace(change) {
    const before = this.box.scrollHeight - this.box.scrollTop;
    change();
    this.box.scrollTop = this.box.scrollHeight - before;
  }

  showButton() {
    this.button.hidden = this.pinned || (!this.unseen && this.distance < FAR);
    this.button.querySelector("span").textContent = this.unseen ? "New below" : "To the latest line";
  }
}
