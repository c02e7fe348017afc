// The character form: begins at the first field that is wrong, and says about how long the system prompt is while one
// writes. The server counts exactly when it saves.

document.querySelector("[data-workshop] [aria-invalid='true']")?.focus();

const box = document.querySelector("[data-tokens]");

if (box) {
  const field = document.getElementById(box.dataset.tokens);
  const words = box.querySelector("[data-tokens-words]");
  field.addEventListener("input", () => {
    const about = Math.ceil(field.value.length / 4);
    words.textContent = about ? `about ${about} tokens` : "";
  });
}
