// One question of the editor: what is said, and what each key does.
import { html, useState } from "../html.js";
import { has, t } from "../i18n/index.js";
import { own } from "../own.js";
import { Button } from "./button.js";
import { Field, SelectField, TextField, UnitField } from "./field.js";
import { PromptButton } from "./prompt_button.js";

export const ACTIONS = ["answer", "playback", "playback_record", "dial", "restart", ""];
const LANGS = ["ru-RU", "en-US", "de-DE", "fr-FR", "es-ES", "uk-UA", "kk-KZ", "tr-TR"];
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#"];
const PARAMETER = /<([^<>\s/](?:[^<>]{0,62}[^<>\s])?)>/g;

/** Names in the text that each number has values of its own for. */
export const parametersOf = (text) => [...new Set([...text.matchAll(PARAMETER)].map(([, name]) => name))];

export function QuestionCard({ question, position, questions, sounds, errors, chosen, set, choose, marked, remove, up, down }) {
  const [samples, setSamples] = useState({});
  const at = (field) => errors[`questions[${position}].${field}`];
  const general = errors[`questions[${position}]`];
  const names = parametersOf(question.questionText);
  const nextOptions = [["", t("question.end")], ...questions.map((one) => [one.questionId, nameOf(one)]), ...(question.nextQuestion && !questions.some((one) => one.questionId === question.nextQuestion) ? [[question.nextQuestion, t("question.unknown", { id: question.nextQuestion })]] : [])];
  const setPress = (place, part) => set({ press: question.press.map((one, other) => (other === place ? { ...one, ...part } : one)) });
  const addKey = () => set({ press: [...question.press, marked({ key: KEYS.find((key) => !question.press.some((one) => one.key === key)) ?? "", action: "answer", value: "", valueOptions: "", nextQuestion: "" })] });
  const title = t("polling.question", { n: position + 1 });
  const prompt = question.questionFile ? { file: question.questionFile } : { text: question.questionText, lang: question.lang, params: samples };
  return html`<section class="card question-card ${chosen ? "chosen" : ""}" id="question-${position}" aria-label=${title} onFocusIn=${choose}>
    <div class="question-head"><h2 class="row">${title}${position === 0 && html` <span class="pill accent">${t("question.first")}</span>`}</h2><span class="row">
      <${PromptButton} prompt=${prompt} disabled=${!question.questionFile && !question.questionText.trim()} label="${t("action.listen")}: ${title}" />
      ${up && html`<${Button} small=${true} iconOnly=${true} kind="ghost" icon="arrow-up" label=${t("question.up")} act=${up} />`}
      ${down && html`<${Button} small=${true} iconOnly=${true} kind="ghost" icon="arrow-down" label=${t("question.down")} act=${down} />`}
      ${remove && html`<${Button} small=${true} iconOnly=${true} kind="ghost bad" icon="trash-2" label="${t("action.remove")}: ${title}" act=${remove} />`}</span></div>
    <div class="question-body">
      <${Field.Errors} errors=${general} />
      <${Field} label=${t("question.text")} hint=${question.questionFile ? t("question.textUnused") : t("question.textHint")} errors=${at("questionText")}>
        ${(control) => html`<textarea class="input" ...${control} rows="2" value=${question.questionText} onInput=${(event) => set({ questionText: event.currentTarget.value })} />`}<//>
      ${names.length > 0 && !question.questionFile && html`<fieldset class="field"><legend class="label">${t("question.samples")}</legend><div class="fields">
        ${names.map((name) => html`<${TextField} key=${name} label=${name} value=${own(samples, name) ?? ""} set=${(value) => setSamples({ ...samples, [name]: value })} />`)}</div></fieldset>`}
      <details class="disclosure" open=${["questionFile", "lang", "timeout", "defPress", "nextQuestion", "questionId"].some((field) => at(field)) || undefined}><summary>${t("question.more")}</summary>
        <div class="fields">
          <${TextField} label=${t("question.id")} hint=${t("question.idHint")} value=${question.questionId} set=${(questionId) => set({ questionId })} errors=${at("questionId")} maxlength="100" />
          <${SelectField} label=${t("question.lang")} value=${question.lang} set=${(lang) => set({ lang })} errors=${at("lang")} options=${[...new Set([question.lang, ...LANGS])].map((one) => [one, has(`lang.${one}`) ? t(`lang.${one}`) : one])} />
          <${SoundField} label=${t("question.file")} value=${question.questionFile} set=${(questionFile) => set({ questionFile })} errors=${at("questionFile")} sounds=${sounds} />
          <${SelectField} label=${t("question.next")} hint=${t("question.nextHint")} value=${question.nextQuestion} set=${(nextQuestion) => set({ nextQuestion })} errors=${at("nextQuestion")} options=${nextOptions} />
          <${UnitField} label=${t("question.timeout")} unit=${t("unit.seconds")} value=${question.timeout} set=${(timeout) => set({ timeout })} errors=${at("timeout")} />
          <${SelectField} label=${t("question.defPress")} value=${question.defPress} set=${(defPress) => set({ defPress })} errors=${at("defPress")} options=${[["", t("question.askAgain")], ...question.press.map((one) => [one.key, t("question.asKey", { key: one.key })])]} />
        </div></details>
      <div><h3>${t("question.keys")}</h3>${question.press.length === 0 ? html`<p class="hint">${t("question.noKeys")}</p>` : html`<div class="presses">${question.press.map((press, place) => html`<${PressRow} key=${press.mark} press=${press} path="questions[${position}].press[${place}]" errors=${errors}
          question=${question} questions=${questions} sounds=${sounds} set=${(part) => setPress(place, part)} remove=${() => set({ press: question.press.filter((_, other) => other !== place) })} />`)}</div>`}
        ${at("press") && html`<${Field.Errors} errors=${at("press")} />`}</div>
      <div><${Button} small=${true} icon="plus" disabled=${question.press.length >= 100} act=${addKey}>${t("question.addKey")}<//></div>
    </div></section>`;
}

const nameOf = (question) => {
  const text = (question.questionText || question.questionFile).trim();
  return `№ ${question.questionId}${text ? ` · ${text.length > 36 ? `${text.slice(0, 35)}…` : text}` : ""}`;
};

function PressRow({ press, path, errors, question, questions, sounds, set, remove }) {
  const at = (field) => errors[`${path}.${field}`] ?? (field === "key" ? errors[path] : undefined);
  const speaks = press.action === "playback" || press.action === "playback_record";
  const file = press.action === "playback" ? press.valueOptions === "file" : press.value.startsWith("/");
  const where = [["", question.nextQuestion ? t("question.nextOfQuestion") : t("question.end")], ...questions.map((one) => [one.questionId, nameOf(one)]),
    ...(press.nextQuestion && !questions.some((one) => one.questionId === press.nextQuestion) ? [[press.nextQuestion, t("question.unknown", { id: press.nextQuestion })]] : [])];
  return html`<div class="press" role="group" aria-label=${t("press.label", { key: press.key })}>
    <${TextField} label=${t("press.key")} value=${press.key} set=${(key) => set({ key })} errors=${at("key")} maxlength="8" autocomplete="off" />
    <${SelectField} label=${t("press.action")} value=${press.action} set=${(action) => set({ action, valueOptions: "", ...(action === "restart" || action === "" ? { value: "" } : {}) })} errors=${at("action")} options=${ACTIONS.map((one) => [one, t(`action.press.${one || "none"}`)])} />
    <div class="value">
      ${press.action === "answer" && html`<${TextField} label=${t("press.stored")} placeholder=${press.key} value=${press.value} set=${(value) => set({ value })} errors=${at("value")} />`}
      ${press.action === "dial" && html`<${TextField} label=${t("press.number")} value=${press.value} set=${(value) => set({ value })} errors=${at("value")} inputmode="tel" />`}
      ${press.action === "playback" && html`<${SelectField} label=${t("press.what")} value=${press.valueOptions || "text"} set=${(valueOptions) => set({ valueOptions, value: "" })} errors=${at("valueOptions")} options=${[["text", t("press.text")], ["file", t("press.file")]]} />`}
      ${speaks && file && press.action === "playback" && html`<${SoundField} label=${t("press.file")} value=${press.value} set=${(value) => set({ value })} errors=${at("value")} sounds=${sounds} />`}
      ${speaks && !(file && press.action === "playback") && html`<${Field} label=${t("press.says")} errors=${at("value")}>${(control) => html`<textarea class="input" ...${control} rows="1" value=${press.value} onInput=${(event) => set({ value: event.currentTarget.value })} />`}<//>`}
      ${press.action === "playback_record" && html`<${UnitField} label=${t("press.seconds")} unit=${t("unit.seconds")} value=${press.valueOptions} placeholder="60" set=${(valueOptions) => set({ valueOptions })} errors=${at("valueOptions")} />`}
      ${speaks && press.value.trim() && html`<div><${PromptButton} prompt=${file ? { file: press.value } : { text: press.value, lang: question.lang, params: {} }} label="${t("action.listen")}: ${t("press.label", { key: press.key })}" /></div>`}
    </div>
    <div class="next">${press.action !== "dial" && press.action !== "restart" && html`<${SelectField} label=${t("press.next")} value=${press.nextQuestion} set=${(nextQuestion) => set({ nextQuestion })} errors=${at("nextQuestion")} options=${where} />`}</div>
    <div class="tools"><${Button} iconOnly=${true} kind="ghost bad" icon="trash-2" label="${t("action.remove")}: ${t("press.label", { key: press.key })}" act=${remove} /></div>
  </div>`;
}

/** An uploaded sound by its name; a full path that is there already stays. */
function SoundField({ label, value, set, errors, sounds }) {
  const options = [["", t("sound.none")], ...sounds.map((one) => [one.name, one.name]), ...(value && !sounds.some((one) => one.name === value) ? [[value, value]] : [])];
  return html`<${SelectField} label=${label} value=${value} set=${set} errors=${errors} options=${options} />`;
}
