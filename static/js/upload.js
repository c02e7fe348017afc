// Sends files to the site: a few at once, each with its progress, a way to stop it and a way to try again. It knows
// nothing of the page: who makes an `Uploads` hears of each change and shows it.

import { ApiError, call } from "./api.js";
import { words } from "./problems.js";

const MIB = 1024 * 1024;
const PATIENCE_SECONDS = 15; // what opens again sooner is waited for, without a word
const TRIES = 5;
const LONGEST_NAME = 200;
const LOCAL = "/api/upload/local/";
const BY_THE_BROWSER = ["content-length", "host"]; // it sets these itself, and refuses to be told

/** The most bytes that the site takes. */
export const MOST_BYTES = { image: 10 * MIB, video: 2048 * MIB, audio: 2048 * MIB };

/** What the site takes, by the extension; and what else browsers call these. */
export const TYPES = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", gif: "image/gif", avif: "image/avif",
  mp4: "video/mp4", m4v: "video/x-m4v", mov: "video/quicktime", webm: "video/webm", mkv: "video/x-matroska",
  mp3: "audio/mpeg", m4a: "audio/mp4", ogg: "audio/ogg", oga: "audio/ogg", opus: "audio/opus", wav: "audio/wav", flac: "audio/flac",
};
export const ALIASES = [
  "image/jpg", "image/pjpeg", "video/matroska", "audio/mp3", "audio/m4a", "audio/x-m4a", "audio/wave", "audio/x-wav", "audio/vnd.wave", "audio/x-flac",
];
const BY_EXTENSION = new Map(Object.entries(TYPES));
const KNOWN = new Set([...Object.values(TYPES), ...ALIASES]);

/** What no second try would change. */
const FINAL = ["UNSUPPORTED_MEDIA_TYPE", "PAYLOAD_TOO_LARGE", "CONTENT_REJECTED", "UNPROCESSABLE_ENTITY"];

const WORDS = {
  NETWORK: "The connection broke. Try again: what has arrived does not come twice.",
  UNAUTHENTICATED: "You have been signed out. Sign in again, then send it once more.",
  TOKEN_EXPIRED: "You have been signed out. Sign in again, then send it once more.",
  GONE: "That took too long. Try again.",
  NOT_FOUND: "That took too long. Try again.",
  SERVER_ERROR: "Something broke on our side. Try again: what has arrived does not come twice.",
  NOT_READY: "The house is very busy. Try again in a moment.",
};

/** {type, family} of a file, by what the browser calls it or else by its name; null for what the site does not take. */
export function kindOf({ type, name }) {
  const called = type?.split(";")[0].trim().toLowerCase();
  const found = KNOWN.has(called) ? called : BY_EXTENSION.get(name?.split(".").pop().toLowerCase());
  return found ? { type: found, family: found.split("/")[0] } : null;
}

/** Bytes as people read them: "824 KB", "1.5 MB", "312 MB". */
export function sizeWords(size) {
  let value = size / 1024;
  let unit = "KB";
  for (const larger of ["MB", "GB", "TB"]) {
    if (value < 1024) break;
    [value, unit] = [value / 1024, larger];
  }
  if (unit === "KB") return `${size ? Math.max(1, Math.round(value)) : 0} KB`;
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} ${unit}`;
}

/** Why a file need not be sent at all, or "". `families` are those that the place takes. */
export function refusal(file, families = ["image", "video", "audio"]) {
  const kind = kindOf(file);
  if (!kind || !families.includes(kind.family)) {
    if (families.length === 1) return "That is no picture that we take. Send a JPEG, PNG, WebP, GIF or AVIF.";
    return "We don't take files of this kind. Send a picture (JPEG, PNG, WebP, GIF, AVIF), a video (MP4, MOV, WebM, MKV) or audio (MP3, M4A, OGG, WAV, FLAC).";
  }
  if (!file.size) return "This file is empty.";
  const most = MOST_BYTES[kind.family];
  if (file.size <= most) return "";
  const what = kind.family === "image" ? "A picture" : "A clip";
  return `${what} may have at most ${sizeWords(most)}, and this one has ${sizeWords(file.size)}.`;
}

const SAID_BY_THE_SERVER = ["CONFLICT", "NOT_READY"]; // what these mean here, only it knows

/** What a problem means for a file that was being sent. */
export function uploadWords(problem) {
  if (SAID_BY_THE_SERVER.includes(problem?.code) && problem.detail) return problem.detail;
  return WORDS[problem?.code] ?? words(problem);
}

// --- sending one ------------------------------------------------------------------------------------------------------

/** One request with a large body: resolves to what JSON it answered, or null. Throws ApiError; NETWORK when it was stopped, too. */
export function transfer(method, url, body, { headers = {}, onProgress = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const broken = () => reject(new ApiError({ code: "NETWORK" }));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onerror = broken;
    request.onabort = broken;
    request.onload = () => {
      const data = parsed(request.responseText);
      if (request.status >= 200 && request.status < 300) resolve(data);
      else reject(new ApiError(data?.code ? data : { code: "SERVER_ERROR", status: request.status }));
    };
    if (signal?.aborted) return broken();
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A form with one file, as the page's own session. */
export function postForm(path, file, fields = {}, options = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file, file.name || "picture");
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  return transfer("POST", path, form, { ...options, headers: { Accept: "application/json", "X-CSRFToken": token } });
}

/** Sends one upload the way its kind goes; resolves to the asset. `options`: {onProgress, onArrived, onPause, signal}. */
export async function sendFile(upload, options) {
  const { family } = kindOf(upload.file);
  if (family !== "image") return sendClip(upload, options);
  const onProgress = (sent) => {
    options.onProgress(sent);
    if (sent >= upload.file.size) options.onArrived();
  };
  const onPause = () => {
    options.onPause();
    options.onProgress(0); // it is sent whole once more
  };
  const attempt = () => postForm("/api/upload/file", upload.file, upload.fields, { ...options, onProgress });
  return patiently(attempt, { ...options, onPause });
}

/** Past the site, to an address that it signs; what has arrived is not sent twice. */
async function sendClip(upload, options) {
  const { file, fields } = upload;
  const { signal } = options;
  const { type } = kindOf(file);
  try {
    if (!upload.invitation || Date.parse(upload.invitation.expires_at) < Date.now()) {
      const filename = [...(file.name || "clip")].slice(-LONGEST_NAME).join("");
      const wish = { ...fields, filename, content_type: type, size: file.size };
      upload.invitation = await patiently(() => call("POST", "/api/upload/presigned", wish, { signal }), options);
      upload.hasArrived = false;
    }
    const { upload_url: url, method = "PUT", headers, key } = upload.invitation;
    if (!upload.hasArrived) await transfer(method, here(url), file, { ...options, headers: ours(headers) });
    upload.hasArrived = true;
    options.onArrived();
    return await patiently(() => call("POST", "/api/upload/confirm", { key }, { signal }), options);
  } catch (error) {
    if (error.code !== "NETWORK") upload.invitation = null; // the next try begins anew
    throw error;
  }
}

/** Our own end of a signed address stands on this site, by whatever name one came here. */
function here(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname.startsWith(LOCAL) ? pathname + search : url;
}

function ours(headers) {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !BY_THE_BROWSER.includes(name.toLowerCase())));
}

/** Tries again what only came too soon. */
export async function patiently(attempt, { signal, pause = wait, onPause = () => {} } = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const soon = error.retry_after && error.retry_after <= PATIENCE_SECONDS;
      if (!soon || tries >= TRIES || signal?.aborted) throw error;
      onPause();
      await pause(error.retry_after * 1000, signal);
      if (signal?.aborted) throw error;
    }
  }
}

/** Ends with the time or with the signal, whichever is first. */
function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

// --- sending several --------------------------------------------------------------------------------------------------

/**
 * One file on its way. `state`: "waiting", "sending", "arrived" (the site looks at it), "done" (`asset` is there), "failed"
 * (`words` say why, it may be tried again), "refused" (`words` say why, no try would help), "cancelled". `sent` counts bytes.
 */
class Upload {
  constructor(file, fields) {
    Object.assign(this, { file, fields, state: "waiting", sent: 0, words: "", problem: null, asset: null });
  }

  get percent() {
    return this.file.size ? Math.min(100, Math.floor((100 * this.sent) / this.file.size)) : 0;
  }
}

/** Uploads, `atOnce` of them together and the rest in a row. `onChange(upload)` hears of each step of each. */
export class Uploads {
  constructor({ atOnce = 2, families, send = sendFile, onChange = () => {} } = {}) {
    Object.assign(this, { atOnce, families, send, onChange });
    this.waiting = [];
    this.running = new Map();
  }

  /** How many are on their way or wait for it. */
  get open() {
    return this.waiting.length + this.running.size;
  }

  /** `fields`: {purpose, visibility, organization}, as the API has them. Returns the upload. */
  add(file, fields = {}) {
    const upload = new Upload(file, fields);
    const why = refusal(file, this.families);
    if (why) this.change(upload, { state: "refused", words: why });
    else this.queue(upload);
    return upload;
  }

  retry(upload) {
    if (upload.state === "failed") this.queue(upload);
  }

  /** Stops it; what has arrived already stays. */
  cancel(upload) {
    if (!["waiting", "sending"].includes(upload.state)) return;
    this.waiting = this.waiting.filter((other) => other !== upload);
    this.change(upload, { state: "cancelled" });
    this.running.get(upload)?.abort();
  }

  queue(upload) {
    this.waiting.push(upload);
    this.change(upload, { state: "waiting", sent: 0, words: "", problem: null });
    this.next();
  }

  next() {
    while (this.running.size < this.atOnce && this.waiting.length) this.run(this.waiting.shift());
  }

  async run(upload) {
    const stop = new AbortController();
    this.running.set(upload, stop);
    this.change(upload, { state: "sending" });
    const goes = () => upload.state === "sending";
    const isOpen = () => goes() || upload.state === "arrived";
    try {
      const asset = await this.send(upload, {
        signal: stop.signal,
        onProgress: (sent) => goes() && this.change(upload, { sent }),
        onArrived: () => goes() && this.change(upload, { state: "arrived", sent: upload.file.size }),
        onPause: () => isOpen() && this.change(upload, { state: "sending" }),
      });
      if (upload.state !== "cancelled") this.change(upload, { state: "done", asset });
    } catch (error) {
      const state = FINAL.includes(error.code) ? "refused" : "failed";
      if (upload.state !== "cancelled") this.change(upload, { state, problem: error, words: uploadWords(error) });
      if (error.code === "RATE_LIMIT_EXCEEDED" && error.retry_after > PATIENCE_SECONDS) this.giveUpWaiting(error);
    } finally {
      this.running.delete(upload);
      this.next();
    }
  }

  /** Where the site takes nothing more for a while, asking again for each of the rest would only count against us. */
  giveUpWaiting(error) {
    for (const upload of this.waiting.splice(0)) {
      this.change(upload, { state: "failed", problem: error, words: uploadWords(error) });
    }
  }

  change(upload, change) {
    Object.assign(upload, change);
    this.onChange(upload);
  }
}
