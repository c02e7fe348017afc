// The JSON API, called with the page's own session. Throws ApiError with the members of the problem document.

import { words } from "./problems.js";
import { newId } from "./ids.js";

export class ApiError extends Error {
  constructor(problem) {
    super(words(problem));
    Object.assign(this, problem);
  }
}

/** Sends `body` as JSON. `idempotencyKey` is made up for a POST that has none, so that a repeat by the network is harmless. */
export async function call(method, path, body, { idempotencyKey, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  if (method === "POST") headers["Idempotency-Key"] = idempotencyKey ?? newId();
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError({ code: "NETWORK" });
  }
  if (response.status === 204) return null;
  const data = await response.json().catch(() => null);
  if (response.ok && data !== null) return data;
  throw new ApiError(data?.code ? data : { code: "SERVER_ERROR", status: response.status });
}

export const get = (path, options) => call("GET", path, undefined, options);
export const remove = (path, options) => call("DELETE", path, undefined, options);
