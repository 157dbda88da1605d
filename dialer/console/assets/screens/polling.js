// The editor of a polling. What is wrong with it is the server's word, shown at the field it is about.
import { api, isGone } from "../api.js";
import { without, withoutQuestion } from "../form_errors.js";
import { html, useEffect, useState } from "../html.js";
import { t } from "../i18n/index.js";
import { idOf } from "../question_flow.js";
import { go, hrefOf, setGuard } from "../router.js";
import { may } from "../session.js";
import { focusFirstError, useUnsaved } from "../unsaved.js";
import { Button } from "../components/button.js";
import { confirm } from "../components/dialog.js";
import { Field, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { useLoaded } from "../components/loading.js";
import { PageHead } from "../components/page.js";
import { GraphNotes, QuestionGraph } from "../components/question_graph.js";
import { QuestionCard } from "../components/question_card.js";
import { Empty, Failure, Gone, Notice, Skeletons } from "../components/states.js";
import { done, reasonOf } from "../components/toasts.js";

let serial = 0;
/** Questions and keys are known to the page by a mark of their own: what they are called may change. */
const marked = (thing) => ({ ...thing, mark: ++serial });

const asDraft = (polling) => ({
  crmId: polling.crmId, name: polling.name ?? "",
  questions: polling.questions.map((question, position) => marked({
    questionId: idOf(question, position), questionText: question.questionText ?? "", questionFile: question.questionFile ?? "", lang: question.lang || "ru-RU",
    nextQuestion: question.nextQuestion ?? "", defPress: question.defPress ?? "", timeout: String(question.timeout ?? 5),
    press: (question.press ?? []).map((press) => marked({
      key: press.key ?? "", action: press.action ?? "", value: press.value ?? "", valueOptions: press.valueOptions ?? "", nextQuestion: press.nextQuestion ?? "",
    })),
  })),
});

const emptyQuestion = (id) => marked({ questionId: id, questionText: "", questionFile: "", lang: "ru-RU", nextQuestion: "", defPress: "", timeout: "5", press: [] });

/** The draft as POST /polling takes it. */
const asBody = (draft) => ({
  ...(draft.crmId == null ? {} : { crmId: draft.crmId }), name: draft.name,
  questions: draft.questions.map((question) => {
    const { mark: _mark, press, ...said } = question;
    return { ...said, timeout: said.timeout.trim().replace(",", "."), press: press.map(({ mark: _own, ...one }) => one) };
  }),
});

const freeId = (questions) => {
  const taken = new Set(questions.map((one) => one.questionId));
  let id = 1;
  while (taken.has(String(id))) id += 1;
  return String(id);
};

export function PollingEditor({ id }) {
  const { data, error, reload } = useLoaded(async () => (id === null ? null : api.polling(id)), [id]);
  const title = id === null ? t("polling.new") : t("polling.number", { id });
  const back = ["#/pollings", t("nav.pollings")];
  if (error && data === undefined) return html`<${PageHead} title=${title} back=${back} /><section class="card">${isGone(error) ? html`<${Gone} title=${t("polling.gone")} text=${t("polling.goneText")} back=${back} />` : html`<${Failure} error=${error} retry=${reload} />`}</section>`;
  if (data === undefined) return html`<${PageHead} title=${title} back=${back} /><section class="card"><${Skeletons} lines=${8} /></section>`;
  return html`<${Editor} key=${id} polling=${data} back=${back} />`;
}

function Editor({ polling, back }) {
  const [draft, setDraft] = useState(() => (polling ? asDraft(polling) : { crmId: null, name: "", questions: [emptyQuestion("1")] }));
  const [saved, setSaved] = useState(() => JSON.stringify(asBody(draft)));
  const [errors, setErrors] = useState({});
  const [chosen, setChosen] = useState(0);
  const { data: sounds } = useLoaded(() => api.audio(), []);
  const dirty = JSON.stringify(asBody(draft)) !== saved;
  const editable = may("operator");
  useUnsaved(dirty);

  const setQuestion = (position, part) => {
    setErrors((now) => withoutQuestion(now, position, draft.questions[position], part));
    setDraft((now) => {
      const before = now.questions[position];
      const after = { ...before, ...part };
      let questions = now.questions.map((one, place) => (place === position ? after : one));
      // a question that gets another name takes those along that lead to it
      if (after.questionId !== before.questionId && before.questionId !== "" && after.questionId !== "") {
        const renamed = (name) => (name === before.questionId ? after.questionId : name);
        questions = questions.map((one) => ({ ...one, nextQuestion: renamed(one.nextQuestion), press: one.press.map((press) => ({ ...press, nextQuestion: renamed(press.nextQuestion) })) }));
      }
      return { ...now, questions };
    });
  };
  const add = () => {
    setErrors((now) => without(now, draft.questions.length ? [] : ["questions"]));
    setDraft((now) => ({ ...now, questions: [...now.questions, emptyQuestion(freeId(now.questions))] }));
    show(draft.questions.length);
  };
  const remove = async (position) => {
    const question = draft.questions[position];
    const led = draft.questions.some((one) => one !== question && (one.nextQuestion === question.questionId || one.press.some((press) => press.nextQuestion === question.questionId)));
    if ((question.questionText || question.press.length) && !(await confirm({ title: t("polling.removeAsk", { id: question.questionId }), text: t(led ? "polling.removeLed" : "polling.removeText"), action: t("action.remove"), danger: true }))) return;
    setErrors({});
    setDraft((now) => ({ ...now, questions: now.questions.filter((_, place) => place !== position) }));
    setChosen(0);
  };
  const move = (position, by) => {
    setErrors({});
    setDraft((now) => {
      const questions = [...now.questions];
      [questions[position], questions[position + by]] = [questions[position + by], questions[position]];
      return { ...now, questions };
    });
    setChosen(position + by);
  };
  const show = (position) => {
    setChosen(position);
    requestAnimationFrame(() => {
      const card = document.getElementById(`question-${position}`);
      card?.scrollIntoView({ block: "start" });
      card?.querySelector("textarea, input")?.focus({ preventScroll: true });
    });
  };
  const save = async () => {
    const body = asBody(draft);
    try {
      const head = await api.savePolling(body);
      setErrors({});
      setSaved(JSON.stringify(asBody({ ...draft, crmId: polling ? draft.crmId : String(head.crmId) })));
      setDraft((now) => ({ ...now, crmId: polling ? now.crmId : String(head.crmId) }));
      done(t("polling.saved"));
      if (!polling) {
        setGuard(null);
        go(hrefOf("pollings", head.id), { replace: true });
      }
    } catch (error) {
      setErrors(error.byField && error.messages.length ? error.byField() : { "": [reasonOf(error)] });
      focusFirstError();
    }
  };
  const wrong = new Set(Object.keys(errors).map((path) => /^questions\[(\d+)\]/.exec(path)?.[1]).filter((one) => one !== undefined).map(Number));
  const general = Object.entries(errors).filter(([path]) => !/^questions\[\d+\]/.test(path) && path !== "name").flatMap(([path, reasons]) => reasons.map((reason) => (path ? `${path}: ${reason}` : reason)));
  useEffect(() => {
    if (chosen >= draft.questions.length) setChosen(0);
  }, [draft.questions.length]);

  return html`<${PageHead} title=${polling ? draft.name || t("polling.unnamed") : t("polling.new")} back=${back}
      sub=${polling && html`<span class="num">№ ${polling.id}</span>${polling.crmId !== String(polling.id) && html`<span class="num">CRM ${polling.crmId}</span>`}`}
      actions=${editable && html`${dirty && html`<span class="unsaved"><${Icon} name="pencil" size=${15} />${t("unsaved.mark")}</span>`}<${Button} kind="primary" icon="check" disabled=${!dirty && polling !== null} act=${save}>${t("action.save")}<//>`} />
    ${!editable && html`<${Notice} title=${t("polling.readOnly")} />`}
    <${Field.Errors} errors=${general} />
    ${wrong.size > 0 && html`<${Notice} kind="bad" title=${t("polling.refused", { n: wrong.size })}><span class="row">${[...wrong].map((position) => html`<${Button} small=${true} key=${position} act=${() => show(position)}>${t("polling.question", { n: position + 1 })}<//>`)}</span><//>`}
    <div class="editor"><section class="card graph-card" aria-labelledby="graph-title"><div class="card-head"><h2 id="graph-title">${t("graph.title")}</h2><${GraphNotes} questions=${draft.questions} /></div>
        <${QuestionGraph} questions=${draft.questions} chosen=${chosen} choose=${show} wrong=${wrong} /></section>
      <fieldset class="stack" disabled=${!editable}><legend class="unseen">${t("polling.questions")}</legend>
        <section class="card pad"><${TextField} label=${t("polling.name")} value=${draft.name} set=${(name) => {
          setErrors((now) => without(now, ["name"]));
          setDraft({ ...draft, name });
        }} errors=${errors.name} maxlength="500" /></section>
        ${draft.questions.length === 0 && html`<section class="card"><${Empty} icon="circle-help" title=${t("polling.noQuestions")}><p>${t("polling.noQuestionsText")}</p><//></section>`}
        ${draft.questions.map((question, position) => html`<${QuestionCard} key=${question.mark} question=${question} position=${position} questions=${draft.questions} sounds=${sounds ?? []} errors=${errors}
          chosen=${position === chosen} set=${(part) => setQuestion(position, part)} choose=${() => setChosen(position)} marked=${marked}
          remove=${editable && (() => remove(position))} up=${editable && position > 0 && (() => move(position, -1))} down=${editable && position < draft.questions.length - 1 && (() => move(position, 1))} />`)}
        ${editable && html`<div><${Button} icon="plus" act=${add}>${t("polling.addQuestion")}<//></div>`}
      </fieldset></div>`;
}
