// What this browser remembers of its user: theme and language. Nothing else is kept.
import { Store } from "./store.js";

export const THEMES = ["auto", "light", "dark"];

function read(name) {
  try {
    return localStorage.getItem(`console.${name}`);
  } catch {
    return null; // storage is switched off
  }
}

function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`console.${name}`);
    else localStorage.setItem(`console.${name}`, value);
  } catch {
    // it holds for this page only
  }
}

export const preferences = new Store({
  theme: THEMES.includes(read("theme")) ? read("theme") : "auto",
  lang: document.documentElement.lang === "ru" ? "ru" : "en",
});

export function setTheme(theme) {
  keep("theme", theme === "auto" ? null : theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  preferences.patch({ theme });
}

export function setLanguage(lang) {
  keep("lang", lang);
  document.documentElement.lang = lang;
  preferences.patch({ lang });
}
