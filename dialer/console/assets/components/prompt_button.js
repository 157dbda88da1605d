import { api } from "../api.js";
import { html, useEffect, useId } from "../html.js";
import { t } from "../i18n/index.js";
import { play, playing, stop } from "../sound.js";
import { useStore } from "../store.js";
import { Button } from "./button.js";

/** Plays what a subscriber would hear. `prompt`: as POST /console/v1/prompt takes it. */
export function PromptButton({ prompt, label, disabled }) {
  const name = useId();
  const now = useStore(playing);
  useEffect(() => () => {
    if (playing.value === name) stop();
  }, []);
  if (now === name) return html`<${Button} small=${true} icon="square" act=${() => stop()} data-playing=${true}>${t("action.stopPlaying")}<//>`;
  return html`<${Button} small=${true} icon="volume-2" kind="quiet-line" disabled=${disabled} aria-label=${label}
    act=${async () => play(name, await api.prompt(prompt))}>${t("action.listen")}<//>`;
}
