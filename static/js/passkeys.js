// Passkeys: signing in with one, giving one as the second factor, and adding one to the account.

import { words } from "./problems.js";

const supported = window.PublicKeyCredential !== undefined && PublicKeyCredential.parseRequestOptionsFromJSON !== undefined;

async function ask(path, body, method = body === undefined ? "GET" : "POST") {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  const response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const data = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(explain(data)), { status: response.status, data });
  return data;
}

// The hidden field of a form on the page, or what a signed-in page carries.
function csrfToken() {
  return document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

function explain(data) {
  if (data.code) return words(data);
  return data.errors?.[0]?.message ?? "That did not work. Try again, or use another way.";
}

function say(button, error) {
  const note = button.parentElement.querySelector("[data-passkey-error]");
  const given_up = error.name === "NotAllowedError" || error.name === "AbortError";
  note.textContent = given_up ? "Nothing was chosen. Try again when you are ready." : error.message;
  note.hidden = false;
}

const requestOptions = (answer) => (answer.data?.request_options ?? answer).publicKey;

async function present(button) {
  const options = requestOptions(await ask(button.dataset.passkey));
  const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  const answer = await ask(button.dataset.passkey, { credential: credential.toJSON() });
  location.assign(answer.next ?? button.dataset.next ?? "/");
}

async function add(form) {
  const path = form.dataset.passkeyAdd;
  const answer = await ask(`${path}?passwordless`);
  const options = answer.data.creation_options.publicKey;
  const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  const added = await ask(path, { name: form.elements.name.value, credential: credential.toJSON() });
  if (added.meta?.recovery_codes_generated) location.assign(form.dataset.codes);
  else location.reload();
}

async function attempt(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    const confirmFirst = button.form?.dataset.confirm;
    if (error.status === 401 && confirmFirst) location.assign(confirmFirst);
    else say(button, error);
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  button.hidden = !supported;
  button.addEventListener("click", () => attempt(button, () => present(button)));
}

for (const form of document.querySelectorAll("[data-passkey-add]")) {
  form.hidden = !supported;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(event.submitter, () => add(form));
  });
}

for (const note of document.querySelectorAll("[data-passkeys-unsupported]")) note.hidden = supported;
