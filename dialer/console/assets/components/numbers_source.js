// Where a list of numbers comes from: a table, or pasted lines. The dry run tells what would become of them first.
import { api } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { number, t, told } from "../i18n/index.js";
import { Button } from "./button.js";
import { Dropzone } from "./dropzone.js";
import { Segments, TextArea } from "./field.js";
import { Icon } from "./icon.js";
import { useSettled } from "./loading.js";
import { Notice, Skeletons } from "./states.js";
import { reasonOf } from "./toasts.js";

export const TABLES = ".csv,.xlsx,.xls,text/csv";
/** A list of pollings is gone through by its arrow keys: the file is sent again for the one that it stays at. */
const SETTLES_MS = 500;

/**
 * `taskId`: the task that the numbers are for, null for a new one, which is to hold `polling`. `ready` gets {file, forecast} when there is a list
 * that can be taken, else null; `looking` whether a list is being looked at.
 */
export function NumbersSource({ taskId, polling = null, ready, looking = () => {} }) {
  const [from, setFrom] = useState("file");
  const [pasted, setPasted] = useState("");
  const [state, setState] = useState({ file: null, forecast: null, error: null, busy: false });
  const turn = useRef(0);
  const seenWith = useRef(polling);
  const settled = useSettled(polling, SETTLES_MS);

  const show = (now) => {
    setState(now);
    looking(now.busy);
  };
  const look = async (file) => {
    const mine = ++turn.current;
    seenWith.current = polling;
    if (file !== state.file) ready(null);
    show({ file, forecast: null, error: null, busy: true });
    try {
      const { data } = await api.dryRun(file, taskId, polling);
      if (mine !== turn.current) return;
      show({ file, forecast: data, error: null, busy: false });
      ready(usable(data) > 0 ? { file, forecast: data } : null);
    } catch (error) {
      if (mine !== turn.current) return;
      show({ file, forecast: null, error, busy: false });
      ready(null);
    }
  };
  useEffect(() => {
    if (state.file && settled === polling && polling !== seenWith.current) look(state.file);
  }, [settled, polling]); // gone back to before another had settled: `settled` has stayed
  const again = () => {
    turn.current += 1;
    ready(null);
    show({ file: null, forecast: null, error: null, busy: false });
  };
  const lookAtPasted = () => look(new File([`${t("numbers.phone")};\n${pasted}`], "pasted.csv", { type: "text/csv" }));

  const { file, forecast, error, busy } = state;
  return html`<div class="stack">
    ${!file && html`<${Segments} label=${t("numbers.from")} value=${from} set=${setFrom} options=${[["file", t("numbers.fromFile")], ["text", t("numbers.fromText")]]} />`}
    ${!file && from === "file" && html`<${Dropzone} label=${t("numbers.drop")} hint=${t("numbers.dropHint")} accept=${TABLES} take=${look} />`}
    ${!file && from === "text" && html`<div class="stack"><${TextArea} label=${t("numbers.paste")} hint=${t("numbers.pasteHint")} value=${pasted} set=${setPasted} rows="6" class="input mono" spellcheck=${false} />
      <div><${Button} icon="check" disabled=${!pasted.trim()} act=${lookAtPasted}>${t("numbers.check")}<//></div></div>`}
    ${file && html`<div class="row-apart"><span class="row"><${Icon} name="file-spreadsheet" /><strong class="clip">${file.name === "pasted.csv" ? t("numbers.pasted") : file.name}</strong></span>
      <${Button} small=${true} kind="ghost" icon="refresh-cw" act=${again}>${t("numbers.other")}<//></div>`}
    <div aria-live="polite" class="stack">
      ${busy && html`<${Skeletons} lines=${3} />`}
      ${error && html`<${Notice} kind="bad" title=${t("numbers.cannot")}><span class="pre">${reasonOf(error)}</span><//>`}
      ${forecast && html`<${Report} forecast=${forecast} isNew=${taskId === null} />`}
    </div>
  </div>`;
}

/** How many numbers would be taken. */
export const usable = (forecast) => forecast.new.count + forecast.doubtful.count + forecast.outsideWindow.count;

const KINDS = [
  ["new", "good"], ["duplicate", ""], ["invalid", "bad"], ["doubtful", "warn"], ["stopped", "warn"], ["outsideWindow", "warn"],
];

/** What the dry run says. Nothing has been stored. */
function Report({ forecast, isNew }) {
  const troubles = KINDS.slice(1).filter(([kind]) => forecast[kind]?.count > 0);
  return html`<div class="report">
    <${Notice} kind=${usable(forecast) ? "good" : "warn"} title=${t("report.title", { n: usable(forecast) })}>
      <span class="muted">${t("report.nothingStored")} ${t("report.clients", { n: forecast.clients })}</span><//>
    <dl class="report-figures">${KINDS.map(([kind]) => html`<div key=${kind}><dt>${t(`report.${kind}`)}</dt><dd>${number(forecast[kind]?.count ?? 0)}</dd></div>`)}</dl>
    ${troubles.map(([kind, mood]) => html`<details class="disclosure" key=${kind}><summary>${t(`report.${kind}`)}: ${number(forecast[kind].count)}. ${t(`report.${kind}.hint`)}</summary>
      <ul>${forecast[kind].first.map((one, place) => html`<li key=${place}><span class="place num">${t("report.place", { row: one.row, column: one.column ?? "—" })}</span>
        ${one.number && html`<span class="num">${one.number}</span>`}${one.sameAs && html`<span class="muted num">${same(one.sameAs)}</span>`}${one.reason && html`<span class=${mood === "bad" ? "error" : "muted"}>${told(one.reason)}</span>`}</li>`)}
        ${forecast[kind].count > forecast[kind].first.length && html`<li class="muted">${t("report.more", { n: forecast[kind].count - forecast[kind].first.length })}</li>`}</ul></details>`)}
    ${forecast.duplicate.otherForm > 0 && html`<p class="muted">${t("report.otherForm", { n: forecast.duplicate.otherForm })}</p>`}
    ${forecast.mixedForms && html`<${Forms} forecast=${forecast} />`}
    <${Columns} columns=${forecast.columns} />
    ${!isNew && usable(forecast) === 0 && html`<p class="muted">${t("report.nothingNew")}</p>`}
  </div>`;
}

const same = ({ row, number: phone }) => (row === null ? t("report.sameInTask", { number: phone }) : t("report.sameAs", { row, number: phone }));

/** Numbers of one country in several forms: the routes may not know all of them. */
function Forms({ forecast }) {
  return html`<${Notice} kind=${forecast.e164 ? "good" : "warn"} title=${t("report.forms")}><span class="muted">${t(forecast.e164 ? "report.formsE164" : "report.formsAsWritten")}</span>
    <ul>${forecast.forms.map((one) => html`<li key=${`${one.country} ${one.written}`}><b class="num">${one.written ? `${one.written}…` : t("report.noCode")}</b>: ${number(one.count)} <span class="muted num">(${t("report.formFirst", { row: one.first.row, number: one.first.number })})</span></li>`)}</ul><//>`;
}

/** What the columns are taken for. */
function Columns({ columns }) {
  const place = (one) => html`<span class="place num">${t("report.column", { column: one.column })}</span>`;
  return html`${columns.missing.length > 0 && html`<${Notice} kind="warn" title=${t("report.missing", { names: columns.missing.map((name) => `<${name}>`).join(", ") })}><span class="muted">${t("report.missingText")}</span><//>`}
    ${columns.phones.length > 0 && html`<details class="disclosure" open><summary>${t("report.columns")}</summary><ul>
      ${columns.phones.map((one) => html`<li key=${one.column}>${place(one)} ${t("report.columnPhones", { title: one.title || "—" })}</li>`)}
      ${columns.params.map((one) => html`<li key=${one.column}>${place(one)} <span>${t(one.used === false ? "report.columnUnused" : "report.columnParam", { title: one.title })}</span> <span class="muted">${t("report.filled", { n: one.filled })}</span></li>`)}
      ${columns.leftOut.map((one) => html`<li key=${one.column}>${place(one)} <span>${t("report.columnLeftOut", { title: one.title || "—" })}</span> <span class="muted">${told(one.reason)}</span></li>`)}</ul></details>`}`;
}
