// One line that says how the connection is, and only when that matters.

const QUIET_MS = 2000;

/** Words for a state, or "": {state, leaving, online, kept (lines that wait)}. */
export function connectionWords({ state, leaving, online, kept }) {
  const lines = kept === 1 ? "One line is kept here and goes out by itself." : `${kept} lines are kept here and go out by themselves.`;
  const safe = kept ? ` ${lines}` : " What you write is kept.";
  if (state === "open") return "";
  if (state === "signed-out") return "You have been signed out. What you wrote is kept in this tab.";
  if (!online) return `You are offline.${safe}`;
  if (leaving) return `The set is being changed, back in a moment.${safe}`;
  return `Reconnecting …${safe}`;
}

export class ConnectionLine {
  constructor(node, signInUrl) {
    Object.assign(this, { node, signInUrl, state: "connecting", leaving: false, kept: 0, since: Date.now() });
    window.addEventListener("online", () => this.show());
    window.addEventListener("offline", () => this.show());
  }

  change({ state, leaving }) {
    // Between two tries nothing is news.
    if (state === "connecting" && this.state !== "open") return;
    if (state === "open" || this.state === "open") this.since = Date.now();
    this.state = state;
    this.leaving = Boolean(leaving);
    this.show();
  }

  keep(kept) {
    this.kept = kept;
    this.show();
  }

  show() {
    clearTimeout(this.timer);
    const early = Date.now() - this.since < QUIET_MS && this.state !== "signed-out" && navigator.onLine;
    if (early && this.state !== "open") {
      this.timer = setTimeout(() => this.show(), QUIET_MS);
      return;
    }
    const words = connectionWords({ ...this, online: navigator.onLine });
    if (this.shown === words) return;
    this.shown = words;
    this.node.textContent = words;
    if (this.state === "signed-out") this.node.append(" ", this.signInLink());
  }

  signInLink() {
    const link = document.createElement("a");
    link.href = this.signInUrl;
    link.textContent = "Sign in";
    return link;
  }
}
