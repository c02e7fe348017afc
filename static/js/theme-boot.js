// Runs before the first paint, so that a chosen theme never flashes the other one. Not a module: modules come too late.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's wish then decides.
  }
})();
