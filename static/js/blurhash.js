// What a picture looks like from afar, drawn from the few letters of its blurhash until the picture is there.
// The letters hold, in base 83: how many waves across and down, the strongest of them, the mean colour, and each wave.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
const STEPS = 19; // of a wave's strength in each colour, the ninth being none

function number(text) {
  let value = 0;
  for (const letter of text) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) return NaN;
    value = value * 83 + digit;
  }
  return value;
}

function toLinear(byte) {
  const share = byte / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

function toByte(linear) {
  const share = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (share <= 0.0031308 ? share * 12.92 : 1.055 * share ** (1 / 2.4) - 0.055));
}

/** The waves of a hash as {across, down, colours: [[r, g, b], …]} in linear light, row by row; null if it is none. */
function waves(hash) {
  const size = number(hash[0] ?? "?");
  const across = (size % 9) + 1;
  const down = Math.floor(size / 9) + 1;
  if (Number.isNaN(size) || hash.length !== 4 + 2 * across * down) return null;
  const strongest = (number(hash[1]) + 1) / 166;
  const mean = number(hash.slice(2, 6));
  const colours = [[mean >> 16, (mean >> 8) & 255, mean & 255].map(toLinear)];
  for (let place = 6; place < hash.length; place += 2) {
    const value = number(hash.slice(place, place + 2));
    const steps = [Math.floor(value / (STEPS * STEPS)), Math.floor(value / STEPS) % STEPS, value % STEPS];
    colours.push(steps.map((step) => strongest * Math.sign(step - 9) * ((step - 9) / 9) ** 2));
  }
  return colours.flat().some(Number.isNaN) ? null : { across, down, colours };
}

/** The pixels of a hash, four bytes each, or null if it is none. */
export function decode(hash, width, height) {
  const found = waves(hash);
  if (!found) return null;
  const { across, down, colours } = found;
  const pixels = new Uint8ClampedArray(4 * width * height);
  const cosines = (count, length) =>
    Array.from({ length: count }, (_, wave) => Array.from({ length }, (_, place) => Math.cos((Math.PI * wave * place) / length)));
  const columns = cosines(across, width);
  const rows = cosines(down, height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const light = [0, 0, 0];
      colours.forEach((colour, index) => {
        const wave = columns[index % across][x] * rows[Math.floor(index / across)][y];
        for (let part = 0; part < 3; part += 1) light[part] += colour[part] * wave;
      });
      pixels.set([...light.map(toByte), 255], at);
    }
  }
  return pixels;
}

/** Draws every canvas[data-blurhash] below `root` that is not drawn yet. */
export function drawBlurhashes(root = document) {
  for (const canvas of root.querySelectorAll("canvas[data-blurhash]:not([data-drawn])")) {
    canvas.dataset.drawn = "";
    const pixels = decode(canvas.dataset.blurhash, canvas.width, canvas.height);
    if (pixels) canvas.getContext("2d").putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
  }
}
