// A random id. crypto.randomUUID is missing where the page is not served over HTTPS (a phone on the home network).

export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
