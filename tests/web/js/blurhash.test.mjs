import assert from "node:assert/strict";
import { test } from "node:test";

import { decode } from "../../../static/js/blurhash.js";

const HASH = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"; // of the algorithm's own page

test("a hash is drawn as the algorithm's authors draw it", () => {
  const wanted = [
    [135, 164, 177], [161, 173, 177], [181, 180, 171], [160, 172, 174],
    [124, 154, 169], [148, 148, 154], [164, 145, 134], [146, 152, 155],
    [124, 144, 154], [144, 134, 132], [163, 130, 104], [148, 140, 134],
  ];
  assert.deepEqual([...decode(HASH, 4, 3)], wanted.flatMap((colour) => [...colour, 255]));
});

test("one wave is one colour", () => {
  const pixels = decode("00TI:j", 2, 2);
  assert.equal(new Set(Array.from({ length: 4 }, (_, at) => pixels.slice(4 * at, 4 * at + 4).join())).size, 1);
});

test("what is no hash draws nothing", () => {
  for (const hash of ["", "x", HASH.slice(1), `${HASH}00`, `${HASH.slice(0, -1)}"`, "<script>"]) assert.equal(decode(hash, 2, 2), null);
});
