// Copies what stands in another element. The buttons are hidden where there is no script to serve them.

import { toast } from "./toast.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      toast("Copied.");
    } catch {
      getSelection().selectAllChildren(source);
      toast("Your browser keeps pages from copying. It is selected; please copy it yourself.", { danger: true });
    }
  });
}
