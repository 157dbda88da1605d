import { h } from "../html.js";
import shapes from "../vendor/lucide.js";

/** A picture beside a word; readers of the screen are not told of it. */
export function Icon({ name, size = 18, spins = false, class: more = "" }) {
  return h(
    "svg",
    {
      class: `icon ${spins ? "spin" : ""} ${more}`, width: size, height: size, viewBox: "0 0 24 24", fill: "none",
      stroke: "currentColor", "stroke-width": 1.9, "stroke-linecap": "round", "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    shapes[name].map(([tag, attributes]) => h(tag, attributes)),
  );
}
