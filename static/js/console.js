// The queue monitor calls a jQuery plugin for "select all" that Django's admin had once. This is what it did.
document.addEventListener("DOMContentLoaded", () => {
  const { jQuery } = window.django ?? {};
  if (!jQuery) return;
  jQuery.fn.actions = function actions() {
    const all = document.getElementById("action-toggle");
    all?.addEventListener("change", () => this.prop("checked", all.checked));
    return this;
  };
});
