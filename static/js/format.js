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

// The reader's own way with dates, and their time zone where they chose one (see templates/base.html).
const { locale = "en-GB", zone } = globalThis.document?.documentElement.dataset ?? {};
const LANGUAGE = known(Intl.DateTimeFormat.supportedLocalesOf.bind(Intl.DateTimeFormat), locale) ? locale : "en-GB";
const ZONE = known((name) => [new Intl.DateTimeFormat("en", { timeZone: name })], zone) ? zone : undefined;

function known(ask, value) {
  try {
    return Boolean(value) && ask(value).length > 0;
  } catch {
    return false; // a browser may be older than a name
  }
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "just now", "5 minutes ago", "yesterday", "3 June", "3 June 2024"; what is to come has its date. */
export function relativeTime(iso, now = Date.now()) {
  const then = new Date(iso);
  const age = now - then.getTime();
  if (Number.isNaN(age)) return "";
  const words = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
  const isToCome = age < -MINUTE; // less than that is a clock that goes wrong
  if (!isToCome) {
    if (age < MINUTE) return LANGUAGE.startsWith("en") ? "just now" : words.format(0, "second");
    if (age < HOUR) return words.format(-Math.floor(age / MINUTE), "minute");
    if (age < DAY) return words.format(-Math.floor(age / HOUR), "hour");
    if (age < 7 * DAY) return words.format(-Math.floor(age / DAY), "day");
  }
  const year = yearOf(then) === yearOf(now) ? undefined : "numeric";
  return new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year, timeZone: ZONE }).format(then);
}

function yearOf(time) {
  return new Intl.DateTimeFormat("en", { year: "numeric", timeZone: ZONE }).format(time);
}

/** Turns the dates and figures the server wrote into friendlier ones, below `root`. */
export function dress(root) {
  for (const time of root.querySelectorAll("time[data-relative][datetime]")) {
    const iso = time.getAttribute("datetime");
    const words = relativeTime(iso);
    if (!words) continue;
    time.textContent = words;
    time.title = new Date(iso).toLocaleString(LANGUAGE, { dateStyle: "long", timeStyle: "short", timeZone: ZONE });
  }
  for (const figure of root.querySelectorAll("[data-count]")) figure.textContent = count(figure.dataset.count);
}
