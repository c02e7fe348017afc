// Copies what stands in another element. The buttons are hidden where there is no script to serve them.

import { toast } from "./toast.js";

/** Shows the buttons below `root`, for what comes after the page. */
export function showCopyButtons(root = document) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

showCopyButtons();
document.addEventListener("htmx:afterSettle", () => showCopyButtons());
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    toast("Copied.");
  } catch {
    getSelection().selectAllChildren(source);
    toast("Your browser keeps pages from copying. It is selected; please copy it yourself.", { danger: true });
  }
});
