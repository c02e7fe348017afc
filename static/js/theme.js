// House lights up or down. What the reader chose wins over what the system says, and is kept in this browser.

const system = window.matchMedia("(prefers-color-scheme: light)");

export function currentTheme() {
  return document.documentElement.dataset.theme ?? (system.matches ? "light" : "dark");
}

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // It holds for this page at least.
  }
  showTheme();
}

function showTheme() {
  const words = currentTheme() === "dark" ? "House lights up" : "House lights down";
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.hidden = false;
    const label = button.querySelector("[data-theme-words]");
    if (label) label.textContent = words;
    else button.setAttribute("aria-label", words);
  }
}

export function startTheme() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.addEventListener("click", () => setTheme(currentTheme() === "dark" ? "light" : "dark"));
  }
  system.addEventListener("change", showTheme);
  showTheme();
}
