// What is saved for the account is meant for this device too: its own choice of house lights gives way.

document.querySelector("[data-preferences]").addEventListener("submit", () => {
  try {
    localStorage.removeItem("theme");
  } catch {
    // There was none.
  }
});
