// The list of conversations: deleting one.

import { remove } from "./api.js";
import { confirmed } from "./dialog.js";
import { toast } from "./toast.js";

const dialog = document.getElementById("delete-dialog");

function arm(root) {
  for (const button of root.querySelectorAll("[data-delete]")) button.hidden = false;
}

async function deleteRow(row) {
  dialog.querySelector("[data-delete-name]").textContent = row.dataset.name;
  if (!(await confirmed(dialog))) return;
  try {
    await remove(`/api/conversations/${row.dataset.conversation}`);
  } catch (error) {
    toast(error.message, { danger: true });
    return;
  }
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (neighbour) neighbour.querySelector("a")?.focus();
  else location.reload();
  toast("The conversation is gone.");
}

if (dialog) {
  arm(document);
  document.addEventListener("htmx:afterSettle", () => arm(document));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-delete]");
    if (button) deleteRow(button.closest("[data-conversation]"));
  });
}
