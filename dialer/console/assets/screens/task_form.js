import { api, newKey } from "../api.js";
import { without } from "../form_errors.js";
import { html, useState } from "../html.js";
import { has, t, told, weekday } from "../i18n/index.js";
import { noteTask } from "../live.js";
import { OPEN, PAUSED } from "../outcomes.js";
import { go, hrefOf, setGuard } from "../router.js";
import { OTHER_RULES, RETRY_KINDS, changesOf, formOf, newTaskOf } from "../task_rules.js";
import { focusFirstError, useUnsaved } from "../unsaved.js";
import { Button } from "../components/button.js";
import { CheckField, ChoiceField, Field, SelectField, TextArea, TextField, UnitField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { useLoaded } from "../components/loading.js";
import { NumbersSource, usable } from "../components/numbers_source.js";
import { PageHead } from "../components/page.js";
import { PromptButton } from "../components/prompt_button.js";
import { Notice } from "../components/states.js";
import { done, reasonOf } from "../components/toasts.js";

const DAYS = ["1", "2", "3", "4", "5", "6", "7"];
const LANGS = ["ru-RU", "en-US", "de-DE", "fr-FR", "es-ES", "uk-UA", "kk-KZ", "tr-TR"];
/** Fields of the API that the form shows; what is refused of others is told above it. */
const SHOWN = ["name", "innerNum", "maxCountChannels", "dialPrefix", "notifyUrl", "maxAttempt", "tryInterval", "retryOn", "timeStart", "timeEnd", "weekDays", "callerId",
  "priority", "maxCallsPerSecond", "maxPerDay", "maxCost", "isCallback", "pacing", "powerRatio", "maxAbandonRate", "apology", "amd", "amdMessage", "lang"];

/** What else an input is about than the field of its own name. */
const CONCERNS = {
  tryMinutes: ["tryInterval"], retryMode: ["retryOn"], retryKinds: ["retryOn"], wholeDay: ["timeStart", "timeEnd"], timeStart: ["timeEnd"],
  innerNumType: ["pacing", "isCallback", "amd"], isCallback: ["pacing", "amd", "apology"], pacing: ["isCallback", "powerRatio", "maxAbandonRate"], apology: ["isCallback"],
  amd: ["amdMessage", "isCallback"], amdMessage: ["amd"],
};

/** The form's values, its errors, and a change of some values: an error goes when what it is about is changed. */
function useForm(start) {
  const [form, setForm] = useState(start);
  const [errors, setErrors] = useState({});
  const edit = (part) => {
    setForm((now) => ({ ...now, ...part }));
    setErrors((now) => without(now, Object.keys(part).flatMap((name) => [name, ...(CONCERNS[name] ?? [])])));
  };
  return { form, setForm, errors, setErrors, edit };
}

/** Errors by field; those of a list's items count for the list. */
function sorted(error) {
  if (!error.byField || !error.messages.length) return { "": [reasonOf(error)] };
  const found = {};
  for (const [path, reasons] of Object.entries(error.byField())) {
    const field = path.split(/[.[]/)[0];
    if (SHOWN.includes(field)) (found[field] ??= []).push(...reasons);
    else (found[""] ??= []).push(...reasons.map((reason) => (path ? `${path}: ${reason}` : reason)));
  }
  return found;
}

export function TaskNew() {
  const { form, errors, setErrors, edit } = useForm(formOf());
  const [list, setList] = useState(null);
  const [looking, setLooking] = useState(false);
  const [untouched] = useState(JSON.stringify(form));
  const [onceKey] = useState(newKey);
  useUnsaved(JSON.stringify(form) !== untouched || list !== null);
  const listed = (found) => {
    setList(found);
    setErrors((now) => without(now, ["numbers"]));
  };
  const create = async (state) => {
    if (!list) {
      setErrors({ "": [t("form.numbersNeeded")] });
      focusFirstError();
      return;
    }
    try {
      const { data: numbers } = await api.readTable(list.file);
      const task = await api.createTask({ ...newTaskOf(form), state, numbers }, onceKey);
      setErrors({});
      setGuard(null);
      done(t(state === OPEN ? "form.createdOpen" : "form.createdPaused", { name: task.name || task.id }));
      go(hrefOf("tasks", task.id));
    } catch (error) {
      setErrors(sorted(error));
      focusFirstError();
    }
  };
  return html`<${PageHead} title=${t("task.new")} back=${["#/tasks", t("nav.tasks")]} />
    <form class="form" novalidate onSubmit=${(event) => event.preventDefault()}>
      <${Field.Errors} errors=${errors[""]} />
      <${Basics} form=${form} edit=${edit} errors=${errors} />
      <section class="card form-section" aria-labelledby="numbers-title"><header><h2 id="numbers-title">${t("form.numbers")}</h2><p class="hint">${t("form.numbersHint")}</p></header>
        <${NumbersSource} taskId=${null} polling=${form.innerNumType === "polling" && form.innerNum ? form.innerNum : null} ready=${listed} looking=${setLooking} /></section>
      <${Rules} form=${form} edit=${edit} errors=${errors} />
      <div class="form-foot"><${Button} kind="primary" icon="play" busy=${looking} act=${() => create(OPEN)}>${list ? t("form.createStartN", { n: usable(list.forecast) }) : t("form.createStart")}<//>
        <${Button} icon="pause" busy=${looking} act=${() => create(PAUSED)}>${t("form.createPaused")}<//></div>
    </form>`;
}

export function TaskEdit({ task, saved }) {
  const [before, setBefore] = useState(formOf(task));
  const { form, setForm, errors, setErrors, edit } = useForm(before);
  const changes = changesOf(form, before);
  const dirty = Object.keys(changes).length > 0;
  useUnsaved(dirty);
  const save = async () => {
    try {
      await api.changeTask(task.id, changes);
      const now = await api.task(task.id);
      setErrors({});
      setBefore(formOf(now));
      setForm(formOf(now));
      noteTask({ id: task.id, name: now.name, maxCountChannels: now.maxCountChannels });
      done(t("form.saved"));
      await saved();
    } catch (error) {
      setErrors(sorted(error));
      focusFirstError();
    }
  };
  const others = OTHER_RULES.filter((name) => task.rules[name] !== undefined);
  return html`<form class="form" novalidate onSubmit=${(event) => event.preventDefault()}>
    <${Field.Errors} errors=${errors[""]} />
    <${Basics} form=${form} edit=${edit} errors=${errors} />
    <${Rules} form=${form} edit=${edit} errors=${errors} open=${true} />
    ${others.length > 0 && html`<${Notice} title=${t("form.others")}><span class="muted">${t("form.othersText")}</span>
      <dl class="pairs">${others.map((name) => html`<dt key=${name}>${t(`rule.${name}`)}</dt><dd class="num">${[task.rules[name]].flat().slice(0, 12).join(", ")}</dd>`)}</dl><//>`}
    <div class="form-foot"><${Button} kind="primary" icon="check" disabled=${!dirty} act=${save}>${t("action.save")}<//>
      ${dirty && html`<${Button} kind="ghost" act=${() => {
        setForm(before);
        setErrors({});
      }}>${t("action.undo")}<//><span class="unsaved"><${Icon} name="pencil" size=${15} />${t("unsaved.mark")}</span>`}</div>
  </form>`;
}

function Basics({ form, edit, errors }) {
  const set = (name) => (value) => edit({ [name]: value });
  const { data: pollings } = useLoaded(() => api.pollings(), []);
  const known = (pollings ?? []).some((one) => String(one.id) === form.innerNum || one.crmId === form.innerNum);
  const options = [["", t("form.choosePolling")], ...(pollings ?? []).map((one) => [one.crmId === form.innerNum ? one.crmId : String(one.id), `${one.name || t("polling.unnamed")} (№ ${one.id})`]),
    ...(form.innerNum && !known ? [[form.innerNum, form.innerNum]] : [])];
  return html`<section class="card form-section" aria-labelledby="basics-title"><header><h2 id="basics-title">${t("form.basics")}</h2></header>
    <${TextField} label=${t("form.name")} value=${form.name} set=${set("name")} errors=${errors.name} maxlength="500" />
    <${ChoiceField} label=${t("form.kind")} name="kind" value=${form.innerNumType} set=${(kind) => edit({ innerNumType: kind, innerNum: "" })}
      options=${[["polling", t("form.polling"), t("form.pollingHint")], ["exten", t("form.exten"), t("form.extenHint")]]} />
    <div class="fields">
      ${form.innerNumType === "polling"
        ? html`<${SelectField} label=${t("form.whichPolling")} value=${form.innerNum} set=${set("innerNum")} options=${options} errors=${errors.innerNum} hint=${pollings?.length === 0 ? t("form.noPollings") : undefined} />`
        : html`<${TextField} label=${t("form.whichExten")} hint=${t("form.whichExtenHint")} value=${form.innerNum} set=${set("innerNum")} errors=${errors.innerNum} inputmode="tel" autocomplete="off" />`}
      <${UnitField} label=${t("form.channels")} hint=${t("form.channelsHint")} unit=${t("unit.calls")} value=${form.maxCountChannels} set=${set("maxCountChannels")} errors=${errors.maxCountChannels} />
      <${TextField} label=${t("form.prefix")} hint=${t("form.prefixHint")} value=${form.dialPrefix} set=${set("dialPrefix")} errors=${errors.dialPrefix} autocomplete="off" />
    </div></section>`;
}

function Section({ title, hint, open, children }) {
  return html`<details class="card form-section" open=${open}><summary><span><h2>${title}</h2><span class="hint">${hint}</span></span><${Icon} name="chevron-down" /></summary><div class="stack">${children}</div></details>`;
}

function Rules({ form, edit, errors, open = false }) {
  const set = (name) => (value) => edit({ [name]: value });
  const toggled = (list, one, on) => (on ? [...list, one] : list.filter((other) => other !== one));
  const shown = (...names) => open || names.some((name) => errors[name]);
  const employees = form.innerNumType === "exten";
  return html`
    <${Section} title=${t("form.hours")} hint=${t("form.hoursHint")} open=${shown("timeStart", "timeEnd", "weekDays")}>
      <${CheckField} label=${t("form.wholeDay")} checked=${form.wholeDay} set=${set("wholeDay")} />
      ${!form.wholeDay && html`<div class="fields"><${TextField} type="time" label=${t("form.from")} value=${form.timeStart} set=${set("timeStart")} errors=${errors.timeStart} />
        <${TextField} type="time" label=${t("form.until")} hint=${form.timeEnd !== "00:00" && form.timeEnd < form.timeStart ? t("form.overMidnight") : undefined} value=${form.timeEnd} set=${set("timeEnd")} errors=${errors.timeEnd} /></div>`}
      <fieldset class="field"><legend class="label">${t("form.days")}</legend><div class="days">${DAYS.map((day) => html`<label key=${day}><input type="checkbox" checked=${form.weekDays.includes(day)} aria-label=${weekday(Number(day), "long")}
        onChange=${(event) => set("weekDays")(toggled(form.weekDays, day, event.currentTarget.checked).sort())} /><span aria-hidden="true">${weekday(Number(day))}</span></label>`)}</div>
        ${errors.weekDays && html`<p class="error" role="alert">${errors.weekDays.map(told).join("; ")}</p>`}</fieldset>
      <${CheckField} label=${t("form.useCalendar")} hint=${t("form.useCalendarHint")} checked=${form.useCalendar} set=${set("useCalendar")} />
      <${CheckField} label=${t("form.zoneByRegion")} hint=${t("form.zoneByRegionHint")} checked=${form.zoneByRegion} set=${set("zoneByRegion")} />
    <//>
    <${Section} title=${t("form.retries")} hint=${t("form.retriesHint")} open=${shown("maxAttempt", "tryInterval", "retryOn")}>
      <div class="fields"><${UnitField} label=${t("form.maxAttempt")} unit=${t("unit.times")} value=${form.maxAttempt} set=${set("maxAttempt")} errors=${errors.maxAttempt} />
        <${UnitField} label=${t("form.tryInterval")} unit=${t("unit.minutes")} value=${form.tryMinutes} set=${set("tryMinutes")} errors=${errors.tryInterval} /></div>
      <${SelectField} label=${t("form.retryOn")} value=${form.retryMode} set=${set("retryMode")} errors=${errors.retryOn}
        options=${["default", "chosen", ...(form.retryMode === "kept" ? ["kept"] : [])].map((one) => [one, t(`form.retryOn.${one}`)])} />
      ${form.retryMode === "chosen" && html`<fieldset class="field"><legend class="label">${t("form.retryKinds")}</legend><div class="fields">${RETRY_KINDS.map((kind) => html`<${CheckField} key=${kind} label=${t(`retry.${kind}`)} checked=${form.retryKinds.includes(kind)}
        set=${(on) => set("retryKinds")(toggled(form.retryKinds, kind, on))} />`)}</div></fieldset>`}
    <//>
    <${Section} title=${t("form.caller")} hint=${t("form.callerHint")} open=${shown("callerId")}>
      <${TextArea} label=${t("form.callerId")} hint=${t("form.callerIdHint")} value=${form.callerId} set=${set("callerId")} errors=${errors.callerId} rows="2" />
      <${CheckField} label=${t("form.e164")} hint=${t("form.e164Hint")} checked=${form.e164} set=${set("e164")} />
    <//>
    <${Section} title=${t("form.limits")} hint=${t("form.limitsHint")} open=${shown("maxCallsPerSecond", "maxPerDay", "priority", "maxCost")}>
      <div class="fields"><${UnitField} label=${t("form.maxCallsPerSecond")} hint=${t("form.zeroNone")} unit=${t("unit.perSecond")} value=${form.maxCallsPerSecond} set=${set("maxCallsPerSecond")} errors=${errors.maxCallsPerSecond} />
        <${UnitField} label=${t("form.maxPerDay")} hint=${t("form.maxPerDayHint")} unit=${t("unit.callsADay")} value=${form.maxPerDay} set=${set("maxPerDay")} errors=${errors.maxPerDay} />
        <${SelectField} label=${t("form.priority")} hint=${t("form.priorityHint")} value=${form.priority} set=${set("priority")} errors=${errors.priority} options=${Array.from({ length: 10 }, (_, one) => [String(one), String(one)])} />
        <${UnitField} label=${t("form.maxCost")} hint=${t("form.maxCostHint")} unit=${t("unit.money")} value=${form.maxCost} set=${set("maxCost")} errors=${errors.maxCost} /></div>
    <//>
    ${employees && html`<${Section} title=${t("form.employees")} hint=${t("form.employeesHint")} open=${shown("pacing", "powerRatio", "maxAbandonRate", "apology", "isCallback")}>
      <${ChoiceField} label=${t("form.pacing")} name="pacing" value=${form.pacing} set=${set("pacing")} options=${["progressive", "power", "predictive"].map((one) => [one, t(`pacing.${one}`), t(`pacing.${one}.hint`)])} />
      ${errors.pacing && html`<p class="error" role="alert">${errors.pacing.map(told).join("; ")}</p>`}
      <div class="fields">${form.pacing === "power" && html`<${UnitField} label=${t("form.powerRatio")} unit=${t("unit.callsPerFree")} value=${form.powerRatio} set=${set("powerRatio")} errors=${errors.powerRatio} />`}
        ${form.pacing === "predictive" && html`<${UnitField} label=${t("form.maxAbandonRate")} unit="%" value=${form.maxAbandonRate} set=${set("maxAbandonRate")} errors=${errors.maxAbandonRate} />`}</div>
      <${TextArea} label=${t("form.apology")} hint=${t("form.apologyHint")} value=${form.apology} set=${set("apology")} errors=${errors.apology} rows="2" />
      ${form.apology.trim() && html`<div><${PromptButton} prompt=${{ text: form.apology, lang: form.lang }} label="${t("action.listen")}: ${t("form.apology")}" /></div>`}
      <${CheckField} label=${t("form.isCallback")} hint=${t("form.isCallbackHint")} checked=${form.isCallback} set=${set("isCallback")} />
      ${errors.isCallback && html`<p class="error" role="alert">${errors.isCallback.map(told).join("; ")}</p>`}
      <${CheckField} label=${t("form.recordTalk")} checked=${form.recordTalk} set=${set("recordTalk")} />
    <//>`}
    <${Section} title=${t("form.machines")} hint=${t("form.machinesHint")} open=${shown("amd", "amdMessage", "lang")}>
      <${SelectField} label=${t("form.amd")} value=${form.amd} set=${set("amd")} errors=${errors.amd} options=${["off", "hangup", "message"].map((one) => [one, t(`amd.${one}`)])} hint=${form.amd === "off" ? undefined : t("form.amdHint")} />
      ${form.amd === "message" && html`<${TextArea} label=${t("form.amdMessage")} value=${form.amdMessage} set=${set("amdMessage")} errors=${errors.amdMessage} rows="2" />
        ${form.amdMessage.trim() && html`<div><${PromptButton} prompt=${{ text: form.amdMessage, lang: form.lang }} label="${t("action.listen")}: ${t("form.amdMessage")}" /></div>`}`}
      ${(form.amd === "message" || form.apology) && html`<${SelectField} label=${t("form.lang")} value=${form.lang} set=${set("lang")} errors=${errors.lang} options=${[...new Set([form.lang, ...LANGS])].map((one) => [one, has(`lang.${one}`) ? t(`lang.${one}`) : one])} />`}
    <//>
    <${Section} title=${t("form.notify")} hint=${t("form.notifyHint")} open=${shown("notifyUrl")}>
      <${TextField} type="url" label=${t("form.notifyUrl")} hint=${t("form.notifyUrlHint")} value=${form.notifyUrl} set=${set("notifyUrl")} errors=${errors.notifyUrl} autocomplete="off" />
    <//>`;
}
