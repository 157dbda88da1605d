// What the daemon's health is in a word: the same at the top of every screen and on the overview.

/** How bad it is, its icon, its text's name. */
export function healthOf(health) {
  if (health.status === "draining") return ["warn", "clock", "health.draining"];
  if (!health.dialling) return ["bad", "circle-x", "health.notDialling"];
  if (health.trouble) return ["warn", "triangle-alert", "health.troubled"];
  return ["good", "circle-check", "health.dialling"];
}
