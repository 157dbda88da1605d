// Before anything is painted: the theme and the language that were chosen here, so that nothing flashes.
(function () {
  try {
    var theme = localStorage.getItem("console.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    var chosen = localStorage.getItem("console.lang");
    document.documentElement.lang = chosen || (/^(ru|be|uk|kk)/.test(navigator.language) ? "ru" : "en");
  } catch (refused) {
    document.documentElement.lang = "en"; // storage is switched off: defaults will do
  }
})();
