// Whether somebody looks at the page. What the page asks by itself renews a session: a tab that is forgotten must not
// keep it for ever.
import { session } from "./session.js";

const AWAY_MS = 60 * 60 * 1000;
let seen = Date.now();

for (const event of ["pointerdown", "pointermove", "keydown", "scroll"]) {
  addEventListener(event, () => {
    seen = Date.now();
  }, { passive: true, capture: true });
}

export const isWatched = () =>
  document.visibilityState === "visible" && (session.value.me?.login == null || Date.now() - seen < AWAY_MS);
