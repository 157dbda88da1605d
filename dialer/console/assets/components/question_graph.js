// The questions of a polling as a drawing: dagre says where things stand.
import { h, html, useEffect, useMemo, useRef } from "../html.js";
import { t } from "../i18n/index.js";
import { END, flowOf } from "../question_flow.js";
import { layout, Graph } from "../vendor/dagre.js";
import { Icon } from "./icon.js";

const WIDTH = 190;
const LINE = 17;
const CHARS = 25;
const MOST_LINES = 3;
const MOST_MARKS = 6;

/** The text in lines of so many characters, the last one cut. */
function lines(text, chars = CHARS, most = MOST_LINES) {
  const found = [];
  let line = "";
  for (const word of String(text).trim().split(/\s+/)) {
    const longer = line ? `${line} ${word}` : word;
    if (longer.length <= chars) {
      line = longer;
    } else {
      if (line) found.push(line);
      line = word;
    }
  }
  if (line) found.push(line);
  const cut = found.map((one) => (one.length > chars ? `${one.slice(0, chars - 1)}…` : one));
  return cut.length > most ? [...cut.slice(0, most - 1), `${cut[most - 1].slice(0, chars - 1)}…`] : cut;
}

function markText({ key, action, value }) {
  if (action === "restart") return `${key} · ${t("graph.restart")}`;
  if (action === "playback_record") return `${key} · ${t("graph.record")}`;
  if (action === "answer" && value) return lines(`${key} · ${value}`, 18, 1)[0];
  return key;
}

function labelOf(edge) {
  const plain = edge.marks.map(markText);
  // keys that all mean just themselves stand in one line
  if (plain.every((one) => !one.includes("·")) && plain.length > 1) return lines(plain.join("  "), 16, 3);
  return plain.length > MOST_MARKS ? [...plain.slice(0, MOST_MARKS - 1), `+${plain.length - MOST_MARKS + 1}`] : plain;
}

function arranged(questions) {
  const flow = flowOf(questions);
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 34, ranksep: 40, edgesep: 16, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of flow.nodes) {
    if (node.kind === "question") {
      const text = lines(node.question.questionText || (node.question.questionFile ? `♪ ${node.question.questionFile}` : t("graph.noText")));
      const foot = footOf(node);
      graph.setNode(node.id, { ...node, text, foot, width: WIDTH, height: 32 + text.length * LINE + (foot ? 20 : 6) });
    } else {
      const words = node.kind === "dial" ? t("graph.dial", { number: node.value || "?" }) : t(`graph.${node.kind}`);
      graph.setNode(node.id, { ...node, words, width: Math.max(72, words.length * 8 + 28), height: 30 });
    }
  }
  flow.edges.forEach((edge, place) => {
    const label = labelOf(edge);
    const size = label.length ? { width: Math.max(...label.map((one) => one.length)) * 7.4 + 16, height: label.length * 16 + 6 } : { width: 0, height: 0 };
    graph.setEdge(edge.from, edge.to, { ...edge, label, ...size, labelpos: "c" }, String(place));
  });
  layout(graph);
  return { flow, graph };
}

function footOf(node) {
  if (!node.reachable) return t("graph.unreachable");
  const { press, defPress } = node.question;
  if (!press?.length) return "";
  return defPress ? t("graph.silentKey", { key: defPress }) : t("graph.silentAgain");
}

/** A smooth line through all points (Catmull and Rom): labels stand on it. */
function path(points) {
  let drawn = `M${points[0].x},${points[0].y}`;
  for (let place = 0; place < points.length - 1; place += 1) {
    const [before, here, next, after] = [-1, 0, 1, 2].map((step) => points[Math.min(Math.max(place + step, 0), points.length - 1)]);
    drawn += `C${here.x + (next.x - before.x) / 6},${here.y + (next.y - before.y) / 6} ${next.x - (after.x - here.x) / 6},${next.y - (after.y - here.y) / 6} ${next.x},${next.y}`;
  }
  return drawn;
}

/** A way from a question to itself: round its right side. */
function roundabout(node, edge) {
  const right = node.x + node.width / 2;
  const out = edge.x - right;
  return `M${right},${node.y - 12}C${right + out * 1.1},${node.y - 44} ${right + out * 1.1},${node.y + 44} ${right},${node.y + 12}`;
}

/** `choose` gets the position of the question whose box is pressed. `wrong`: positions that the server has refused. */
export function QuestionGraph({ questions, chosen, choose, wrong }) {
  const { flow, graph } = useMemo(() => arranged(questions), [JSON.stringify(questions), document.documentElement.lang]);
  const { width = 0, height = 0 } = graph.graph();
  const names = [...graph.nodes()];
  const frame = useRef(null);
  useEffect(() => centre(frame.current, width, graph.node("start")), [width > 0]); // who edits has scrolled to what is edited
  return html`<div class="graph-scroll" ref=${frame} tabindex="0" role="region" aria-label=${t("graph.label")}>
    <svg class="graph" style=${{ "--wide": `${Math.ceil(width)}px` }} viewBox="0 0 ${width} ${height}" role="group" aria-label=${summaryOf(flow)}>
      <defs>${["plain", "loop"].map((kind) => html`<marker id="arrow-${kind}" class=${kind} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0,1 9,5 0,9Z" /></marker>`)}</defs>
      ${graph.edges().map((name) => {
        const edge = graph.edge(name);
        return html`<g class="edge ${edge.loop ? "loop" : ""} ${edge.kind}" key=${name.name} aria-hidden="true">
          <path d=${name.v === name.w ? roundabout(graph.node(name.v), edge) : path(edge.points)} marker-end="url(#arrow-${edge.loop ? "loop" : "plain"})" />
          ${edge.label.length > 0 && html`<g><rect class="plate" x=${edge.x - edge.width / 2} y=${edge.y - edge.height / 2} width=${edge.width} height=${edge.height} rx="5" />
            ${edge.label.map((line, place) => html`<text key=${place} x=${edge.x} y=${edge.y - edge.height / 2 + 15 + place * 16} text-anchor="middle">${line}</text>`)}</g>`}
        </g>`;
      })}
      ${names.map((name) => {
        const node = graph.node(name);
        return node.kind === "question" ? questionBox(node, { chosen, choose, wrong }) : smallBox(node);
      })}
    </svg></div>`;
}

/** A drawing that is wider than its frame is shown from its start, not from its left edge. */
function centre(frame, width, node) {
  const drawing = frame.firstElementChild.getBoundingClientRect();
  frame.scrollLeft += drawing.left + (node.x / (width || 1)) * drawing.width - frame.getBoundingClientRect().left - frame.clientWidth / 2;
}

function smallBox(node) {
  return h("g", { class: `node ${node.kind}`, transform: `translate(${node.x - node.width / 2},${node.y - node.height / 2})`, key: node.id, "aria-hidden": "true" },
    h("rect", { width: node.width, height: node.height, rx: 15 }),
    h("text", { x: node.width / 2, y: 20, "text-anchor": "middle" }, node.words));
}

function questionBox(node, { chosen, choose, wrong }) {
  const kinds = ["node", "question", node.position === chosen && "chosen", !node.reachable && "unreachable", wrong?.has(node.position) && "wrong"];
  const act = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose(node.position);
  };
  const label = `${t("polling.question", { n: node.position + 1 })}: ${node.question.questionText || node.question.questionFile || ""}. ${node.foot}`;
  return html`<g class=${kinds.filter(Boolean).join(" ")} key=${node.id} tabindex="0" role="button" aria-label=${label} aria-pressed=${node.position === chosen ? "true" : "false"}
    transform="translate(${node.x - node.width / 2},${node.y - node.height / 2})" onClick=${act} onKeyDown=${act}>
    <rect width=${node.width} height=${node.height} rx="9" />
    <text class="id" x="12" y="20">${lines(`№ ${node.questionId}`, 22, 1)[0]}</text>
    ${node.text.map((line, place) => html`<text key=${place} x="12" y=${38 + place * LINE}>${line}</text>`)}
    ${node.foot && html`<text class=${node.reachable ? "id" : "flag"} x="12" y=${node.height - 9}>${node.foot}</text>`}
  </g>`;
}

function summaryOf(flow) {
  const questions = flow.nodes.filter((one) => one.kind === "question").length;
  return [t("graph.questions", { n: questions }), t("graph.loops", { n: flow.loops.length }), t("graph.unreachables", { n: flow.unreachable.length })].join(", ");
}

/** What the drawing shows, in words. */
export function GraphNotes({ questions }) {
  const flow = flowOf(questions);
  const dials = flow.nodes.filter((one) => one.kind === "dial").length;
  return html`<ul class="legend small"><li>${t("graph.questions", { n: flow.nodes.filter((one) => one.kind === "question").length })}</li>
    ${dials > 0 && html`<li>${t("graph.dials", { n: dials })}</li>`}
    ${flow.loops.length > 0 && html`<li>${t("graph.loops", { n: flow.loops.length })}</li>`}
    ${flow.unreachable.length > 0 && html`<li class="unsaved"><${Icon} name="triangle-alert" size=${14} />${t("graph.unreachables", { n: flow.unreachable.length })}: ${flow.unreachable.map((one) => one.questionId).join(", ")}</li>`}
    ${!flow.nodes.some((one) => one.id === END || one.kind === "dial") && questions.length > 0 && html`<li class="unsaved"><${Icon} name="triangle-alert" size=${14} />${t("graph.endless")}</li>`}
  </ul>`;
}
