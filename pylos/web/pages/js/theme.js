// Chooses light or dark before the page is painted. A classic script: modules run too late for that.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("pylos.theme");
    } catch {
      return null; // A browser may forbid it.
    }
  };
  const apply = () => {
    const theme = kept() ?? (dark.matches ? "dark" : "light");
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    dispatchEvent(new Event("themechange")); // What is drawn by hand, the board for instance, follows.
  };
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("themeswitch", apply);
})();
