// The picture on one's profile: seen before it is sent, and sent while the page stays.

import { toast } from "./toast.js";
import { postForm, refusal, uploadWords } from "./upload.js";

const form = document.querySelector("[data-picture-form]");
const { file: input } = form.elements;
const bar = form.querySelector("progress");
const says = form.querySelector("[data-picture-says]");
const button = form.querySelector("button");
const own = ".picture > .initial, .menu > summary .initial";

/** This site serves every picture itself, by whatever name one came here. */
function here(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

/** Shows a picture in each of these places. */
function wear(address, places) {
  for (const place of document.querySelectorAll(places)) {
    const picture = document.createElement("img");
    Object.assign(picture, { className: place.className, alt: "", width: 512, height: 512, src: address });
    place.replaceWith(picture);
  }
}

input.addEventListener("change", () => {
  const [file] = input.files;
  says.textContent = file ? refusal(file, ["image"]) : "";
  if (!file || says.textContent) return;
  const address = URL.createObjectURL(file);
  wear(address, ".picture > .initial");
  says.textContent = "So it will look. It is not sent yet.";
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = input.files;
  says.textContent = refusal(file, ["image"]);
  if (says.textContent) return;
  Object.assign(bar, { hidden: false, value: 0 });
  button.disabled = true;
  says.textContent = "On its way …";
  try {
    const person = await postForm("/api/users/me/profile-picture", file, {}, { onProgress: (sent) => (bar.value = (100 * sent) / file.size) });
    wear(here(person.avatar), own);
    document.querySelector("[data-picture-remove]").hidden = false;
    says.textContent = "";
    form.reset();
    toast("Your new picture is up.");
  } catch (error) {
    says.textContent = uploadWords(error);
  } finally {
    bar.hidden = true;
    button.disabled = false;
  }
});
