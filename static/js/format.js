// Figures and times as people read them.

/** Credits without trailing zeros: "19.5000000" -> "19.5". Stays a string: credits are never floats. */
export function credits(value) {
  const text = String(value ?? "0");
  if (!text.includes(".")) return text;
  return text.replace(/0+$/, "").replace(/\.$/, "");
}

/** 1234 -> "1.2K". */
export function count(value) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(Number(value));
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "just now", "5 minutes ago", "yesterday", "3 June", "3 June 2024". */
export function relativeTime(iso, now = Date.now()) {
  const then = new Date(iso);
  const age = now - then.getTime();
  if (Number.isNaN(age)) return "";
  if (age < MINUTE) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (age < HOUR) return words.format(-Math.floor(age / MINUTE), "minute");
  if (age < DAY) return words.format(-Math.floor(age / HOUR), "hour");
  if (age < 7 * DAY) return words.format(-Math.floor(age / DAY), "day");
  const year = then.getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year }).format(then);
}

/** Turns the dates and figures the server wrote into friendlier ones, below `root`. */
export function dress(root) {
  for (const time of root.querySelectorAll("time[data-relative][datetime]")) {
    const iso = time.getAttribute("datetime");
    const words = relativeTime(iso);
    if (!words) continue;
    time.textContent = words;
    time.title = new Date(iso).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
  }
  for (const figure of root.querySelectorAll("[data-count]")) figure.textContent = count(figure.dataset.count);
}
