// One's own files: sending by choosing, dropping, pasting or the camera; the gallery; looking, deleting, and clips that
// become ready while one looks.

import { remove } from "./api.js";
import { drawBlurhashes } from "./blurhash.js";
import { showCopyButtons } from "./copy.js";
import { confirmed } from "./dialog.js";
import { dress } from "./format.js";
import { Sending } from "./sending.js";
import { pageSocket } from "./socket.js";
import { toast } from "./toast.js";
import { Uploads } from "./upload.js";

const byId = (id) => document.getElementById(id);
const form = byId("send");
const gallery = byId("gallery");
const choose = byId("id_file");
const cards = () => [...gallery.querySelectorAll("[data-file]")];
const cardOf = (id) => gallery.querySelector(`[data-file="${CSS.escape(id)}"]`);

// --- sending ----------------------------------------------------------------------------------------------------------

const uploads = new Uploads({
  onChange: (upload) => {
    sending.show(upload);
    if (upload.state === "done") taken(upload.asset);
  },
});
const sending = new Sending({ list: byId("sending"), template: byId("sending-row"), says: byId("sending-says"), home: choose, uploads });

function send(files) {
  const visibility = form.elements.visibility.value;
  for (const file of files) uploads.add(file, { purpose: "other", visibility });
}

async function taken(asset) {
  refreshMeter();
  const isNew = !cardOf(asset.id);
  const card = await refresh(asset.id);
  if (card) {
    card.classList.add("file--new");
    if (!isNew) toast(`You have “${card.dataset.name}” already.`);
  } else {
    const isShownElsewhere = gallery.dataset.kind && !asset.mime_type.startsWith(`${gallery.dataset.kind}/`);
    toast(isShownElsewhere ? "It is here, among the files of another kind." : "It is here, further down.");
  }
}

choose.multiple = true;
choose.accept = choose.dataset.accept;
choose.required = false;
choose.setAttribute("aria-label", "Choose files");
for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    send(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  choose.click();
});

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
const curtain = byId("drop");

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  curtain.hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) curtain.hidden = true; // it has left the window
});
document.addEventListener("drop", (event) => {
  curtain.hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  send(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files ?? [];
  if (!files.length) return;
  event.preventDefault();
  send(files);
});
window.addEventListener("beforeunload", (event) => {
  if (uploads.open) event.preventDefault();
});

// --- the gallery ------------------------------------------------------------------------------------------------------

function arrange(root) {
  drawBlurhashes(root);
  showCopyButtons(root);
  for (const picture of root.querySelectorAll("img.file__picture")) if (picture.complete) uncover(picture);
}

/** The placeholder goes once the picture is there: of one with transparent parts it would be seen. */
function uncover(picture) {
  const canvas = picture.parentElement?.querySelector("canvas");
  if (canvas && picture.naturalWidth) canvas.hidden = true;
}

gallery.addEventListener("load", (event) => event.target.matches("img.file__picture") && uncover(event.target), true);
gallery.addEventListener("error", (event) => event.target.matches("img.file__picture") && event.target.remove(), true);

async function markup(path) {
  const response = await fetch(path, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html").body.firstElementChild;
}

/** Shows a file as it is now, in its place by age. Resolves to its card, or null where it does not stand on this page. */
async function refresh(id) {
  const fresh = await markup(`/files/${id}`).catch(() => null);
  if (!fresh) return null;
  const card = document.adoptNode(fresh);
  const old = cardOf(id);
  const hadFocus = old?.contains(document.activeElement);
  if (gallery.dataset.kind && gallery.dataset.kind !== card.dataset.family) return null;
  if (old) old.replaceWith(card);
  else if (!insert(card)) return null;
  dress(card);
  arrange(card);
  if (hadFocus) card.querySelector("a, button")?.focus();
  showEmptiness();
  return card;
}

/** Ids grow with time. What is older than all that is shown comes with the rest, where there is more. */
function insert(card) {
  const next = cards().find((other) => other.dataset.file < card.dataset.file) ?? gallery.querySelector(".more");
  if (next?.matches(".more")) return false;
  gallery.insertBefore(card, next ?? null);
  return true;
}

function showEmptiness() {
  const isEmpty = !gallery.children.length;
  gallery.hidden = isEmpty;
  byId("empty").hidden = !isEmpty;
}

async function refreshMeter() {
  const meter = await markup("/files/storage").catch(() => null);
  if (meter) byId("meter").replaceWith(meter);
}

arrange(document);
document.addEventListener("htmx:afterSettle", () => {
  const seen = new Set();
  for (const card of cards()) {
    if (seen.has(card.dataset.file)) card.remove(); // it had come by itself before
    seen.add(card.dataset.file);
  }
  arrange(gallery);
});

// --- what can be done with one ----------------------------------------------------------------------------------------

async function deleteFile(card) {
  const dialog = byId("delete-dialog");
  const { file, name, portrait } = card.dataset;
  dialog.querySelector("[data-delete-name]").textContent = name;
  dialog.querySelector("[data-delete-portrait]").hidden = portrait === undefined;
  if (!(await confirmed(dialog))) return;
  try {
    await remove(`/api/assets/${file}`);
  } catch (error) {
    if (error.code !== "NOT_FOUND") {
      toast(error.message, { danger: true });
      return;
    } // otherwise it was deleted elsewhere, and goes from here as well
  }
  const here = cardOf(file);
  const neighbour = here?.nextElementSibling ?? here?.previousElementSibling;
  here?.remove();
  (neighbour?.querySelector("a, button") ?? choose).focus();
  showEmptiness();
  refreshMeter();
  toast(`“${name}” is gone.`);
}

const viewer = byId("viewer");
const stage = viewer.querySelector("[data-viewer-stage]");

function look(card) {
  const link = card.querySelector("[data-open]");
  const { family, name, width, height } = card.dataset;
  const isWide = matchMedia("(min-width: 48rem)").matches;
  const shown = document.createElement(family === "image" ? "img" : family);
  if (family === "image") shown.alt = name;
  else Object.assign(shown, { controls: true, preload: "metadata" });
  if (family === "video") shown.poster = link.dataset.medium;
  if (width && family !== "audio") Object.assign(shown, { width: Number(width), height: Number(height) });
  shown.src = family === "image" && !isWide ? link.dataset.medium : link.href;
  stage.replaceChildren(shown);
  viewer.querySelector("[data-viewer-name]").textContent = name;
  viewer.querySelector("[data-viewer-save]").href = card.querySelector("[data-save]").href;
  viewer.showModal();
}

viewer.addEventListener("close", () => stage.replaceChildren());
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());

gallery.addEventListener("click", (event) => {
  const link = event.target.closest("[data-open], [data-delete]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const card = link.closest("[data-file]");
  if (link.matches("[data-delete]")) deleteFile(card);
  else look(card);
});

// --- clips that are worked on -----------------------------------------------------------------------------------------

const isWaiting = (card) => card.dataset.status === "processing";
const catchUp = () => cards().filter(isWaiting).forEach((card) => refresh(card.dataset.file));

function follow({ id, status, progress }) {
  const bar = cardOf(id)?.querySelector("progress");
  if (status !== "processing") refreshMeter();
  if (status !== "processing" || !bar) {
    refresh(id).then((card) => card && status !== "processing" && sending.say(`${card.dataset.name}: ${status === "ready" ? "ready" : "it failed"}.`));
    return;
  }
  bar.value = progress;
  bar.parentElement.querySelector("[data-progress]").textContent = `${progress} %`;
}

// A frame may have come while nobody listened: before the page was connected, or in a break.
pageSocket({ onState: ({ state }) => state === "open" && catchUp() }).on("asset.updated", ({ data }) => follow(data));
