import assert from "node:assert/strict";
import { test } from "node:test";

import { Uploads, kindOf, patiently, refusal, sizeWords, uploadWords } from "../../../static/js/upload.js";

const MIB = 1024 * 1024;
const file = (name, type = "image/png", size = 100) => ({ name, type, size });

/** A sender whose sendings end when the test says so. */
function held() {
  const calls = [];
  const send = (upload, options) =>
    new Promise((resolve, reject) => {
      calls.push({ upload, options, resolve, reject });
      options.signal.addEventListener("abort", () => reject({ code: "NETWORK" }));
    });
  return { calls, send };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a file is what the browser calls it, or else what its name says", () => {
  assert.deepEqual(kindOf(file("a", "image/jpeg")), { type: "image/jpeg", family: "image" });
  assert.deepEqual(kindOf(file("FILM.MKV", "")), { type: "video/x-matroska", family: "video" });
  assert.deepEqual(kindOf(file("a.m4a", "application/octet-stream")), { type: "audio/mp4", family: "audio" });
  for (const other of [file("a.svg", "image/svg+xml"), file("a.txt", "text/plain"), file("", ""), file("constructor", "")]) assert.equal(kindOf(other), null);
});

test("what can't be taken is refused before it is sent", () => {
  assert.equal(refusal(file("a.png")), "");
  assert.equal(refusal(file("a.mp4", "video/mp4", 300 * MIB)), "");
  assert.match(refusal(file("a.png", "image/png", 14 * MIB)), /at most 10 MB.*has 14 MB/);
  assert.match(refusal(file("a.mp4", "video/mp4", 2049 * MIB)), /at most 2 GB/);
  assert.match(refusal(file("a.png", "image/png", 0)), /empty/);
  assert.match(refusal(file("a.pdf", "application/pdf")), /JPEG.*MP4.*FLAC/);
  assert.match(refusal(file("a.mp4", "video/mp4"), ["image"]), /no picture/);
});

test("sizes are said as the server says them", () => {
  const pairs = [[0, "0 KB"], [1, "1 KB"], [824 * 1024, "824 KB"], [1.5 * MIB, "1.5 MB"], [MIB, "1 MB"], [312 * MIB, "312 MB"], [2048 * MIB, "2 GB"]];
  for (const [size, words] of pairs) assert.equal(sizeWords(size), words);
});

test("two go together, and the rest in a row", async () => {
  const { calls, send } = held();
  const uploads = new Uploads({ send });
  const [a, b, c] = ["a", "b", "c"].map((name) => uploads.add(file(name)));
  assert.deepEqual([a, b, c].map((one) => one.state), ["sending", "sending", "waiting"]);
  assert.equal(uploads.open, 3);
  calls[1].resolve({ id: "B" });
  await settled();
  assert.deepEqual([a, b, c].map((one) => one.state), ["sending", "done", "sending"]);
  assert.deepEqual(b.asset, { id: "B" });
  assert.equal(calls[2].upload, c);
});

test("its progress is heard of, until it has arrived", () => {
  const { calls, send } = held();
  const seen = [];
  const uploads = new Uploads({ send, onChange: ({ state, percent }) => seen.push(`${state} ${percent}`) });
  uploads.add(file("a", "image/png", 200));
  const { options } = calls[0];
  options.onProgress(50);
  options.onArrived();
  options.onProgress(60);
  assert.deepEqual(seen, ["waiting 0", "sending 0", "sending 25", "arrived 100"]);
});

test("one that is stopped is gone, and makes room", async () => {
  const { calls, send } = held();
  const uploads = new Uploads({ send, atOnce: 1 });
  const [a, b, c] = ["a", "b", "c"].map((name) => uploads.add(file(name)));
  uploads.cancel(b);
  uploads.cancel(a);
  assert.equal(calls[0].options.signal.aborted, true);
  await settled();
  assert.deepEqual([a, b, c].map((one) => one.state), ["cancelled", "cancelled", "sending"]);
  assert.equal(calls.length, 2);
});

test("what has arrived can't be stopped any more", () => {
  const { calls, send } = held();
  const uploads = new Uploads({ send });
  const upload = uploads.add(file("a"));
  calls[0].options.onArrived();
  uploads.cancel(upload);
  assert.equal(upload.state, "arrived");
});

test("one that failed says why and is tried again; one that was refused is not", async () => {
  const { calls, send } = held();
  const uploads = new Uploads({ send });
  const upload = uploads.add(file("a"), { visibility: "private" });
  calls[0].options.onProgress(50);
  calls[0].reject({ code: "STORAGE_FULL", detail: "Your storage is full." });
  await settled();
  assert.deepEqual([upload.state, upload.words], ["failed", "Your storage is full."]);
  uploads.retry(upload);
  assert.deepEqual([upload.state, upload.words, upload.sent], ["sending", "", 0]);
  assert.deepEqual(calls[1].upload.fields, { visibility: "private" });
  calls[1].reject({ code: "UNSUPPORTED_MEDIA_TYPE", detail: "This is no picture." });
  await settled();
  const refused = uploads.add(file("a.txt", "text/plain"));
  for (const one of [upload, refused]) {
    uploads.retry(one);
    assert.equal(one.state, "refused");
  }
  assert.equal(calls.length, 2);
});

test("what only came too soon is tried again by itself", async () => {
  const waits = [];
  const pause = async (milliseconds) => waits.push(milliseconds);
  const answers = [{ code: "RATE_LIMIT_EXCEEDED", retry_after: 2 }, { code: "CONFLICT", retry_after: 1 }];
  const attempt = async () => {
    if (answers.length) throw answers.shift();
    return "here";
  };
  assert.equal(await patiently(attempt, { pause }), "here");
  assert.deepEqual(waits, [2000, 1000]);
  for (const error of [{ code: "RATE_LIMIT_EXCEEDED", retry_after: 1800 }, { code: "FORBIDDEN" }]) {
    await assert.rejects(patiently(async () => { throw error; }, { pause }), (thrown) => thrown === error);
  }
  await assert.rejects(patiently(async () => { throw { code: "CONFLICT", retry_after: 1 }; }, { pause }));
  assert.equal(waits.length, 6); // not for ever
});

test("while one waits to be sent again it can be stopped, and is not sent again", async () => {
  const stop = new AbortController();
  let tries = 0;
  const attempt = async () => {
    tries += 1;
    throw { code: "NOT_READY", retry_after: 15 };
  };
  const onPause = () => setImmediate(() => stop.abort());
  await assert.rejects(patiently(attempt, { signal: stop.signal, onPause }));
  assert.equal(tries, 1);
});

test("one that has to be sent again is on its way again", () => {
  const { calls, send } = held();
  const upload = new Uploads({ send }).add(file("a"));
  calls[0].options.onArrived();
  calls[0].options.onPause();
  calls[0].options.onProgress(0);
  assert.deepEqual([upload.state, upload.sent], ["sending", 0]);
});

test("where the site takes nothing more for a while, the rest is not sent either", async () => {
  const { calls, send } = held();
  const uploads = new Uploads({ send });
  const all = ["a", "b", "c", "d"].map((name) => uploads.add(file(name)));
  calls[0].reject({ code: "RATE_LIMIT_EXCEEDED", retry_after: 1800 });
  await settled();
  assert.deepEqual(all.map((one) => one.state), ["failed", "sending", "failed", "failed"]);
  assert.match(all[3].words, /30 minutes/);
  assert.equal(calls.length, 2);
  uploads.retry(all[3]);
  assert.equal(calls.length, 3);
});

test("every problem of a file has words", () => {
  assert.match(uploadWords({ code: "NETWORK" }), /connection/);
  assert.match(uploadWords({ code: "RATE_LIMIT_EXCEEDED", retry_after: 1800 }), /30 minutes/);
  assert.equal(uploadWords({ code: "CONFLICT", detail: "Nothing has arrived." }), "Nothing has arrived.");
  assert.equal(uploadWords({ code: "PAYLOAD_TOO_LARGE", detail: "Too large." }), "Too large.");
  assert.ok(uploadWords(undefined));
});
