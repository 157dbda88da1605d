// A polling as a graph, as the daemon goes through it (dialer/model/compile_polling.py): pure, no drawing.

export const END = "end";

/** The `questionId` that a question has, also where it is not said: then its position. */
export const idOf = (question, position) => (question.questionId === "" || question.questionId == null ? String(position) : String(question.questionId));

/**
 * Nodes: the start, questions, internal numbers that are called, the end. Edges: which keys lead where; several keys
 * with the same way are one edge. `loop`: it leads back to what led here; `silent`: no key leads there.
 * @param {any[]} questions as POST /polling takes them
 */
export function flowOf(questions) {
  const ids = questions.map(idOf);
  const known = new Set(ids);
  const goesOn = (id) => (id != null && id !== "" && known.has(String(id)) ? `q:${id}` : END);
  const nodes = [{ id: "start", kind: "start" }];
  /** @type {Map<string, any>} */
  const edges = new Map();
  const join = (from, to, mark, kind = "") => {
    const name = `${from}>${to}>${kind}`;
    const edge = edges.get(name) ?? { from, to, kind, marks: [], loop: false };
    if (mark) edge.marks.push(mark);
    edges.set(name, edge);
  };
  join("start", questions.length ? `q:${ids[0]}` : END, null, "silent");
  questions.forEach((question, position) => {
    const me = `q:${ids[position]}`;
    nodes.push({ id: me, kind: "question", question, position, questionId: ids[position], reachable: false });
    const press = question.press ?? [];
    if (!press.length) join(me, goesOn(question.nextQuestion), null, "silent");
    for (const key of press) {
      const mark = { key: String(key.key ?? ""), action: key.action ?? "", value: key.value ?? "" };
      if (key.action === "restart") {
        join(me, `q:${ids[0]}`, mark);
      } else if (key.action === "dial") {
        const dial = `dial:${key.value ?? ""}`;
        if (!nodes.some((one) => one.id === dial)) nodes.push({ id: dial, kind: "dial", value: key.value ?? "" });
        join(me, dial, mark);
      } else {
        join(me, goesOn(key.nextQuestion || question.nextQuestion), mark);
      }
    }
  });
  if ([...edges.values()].some((edge) => edge.to === END)) nodes.push({ id: END, kind: "end" });
  const list = [...edges.values()];
  walk(nodes, list);
  return {
    nodes, edges: list,
    unreachable: nodes.filter((one) => one.kind === "question" && !one.reachable),
    loops: list.filter((edge) => edge.loop),
    ends: list.some((edge) => edge.to === END && nodes.find((one) => one.id === edge.from)?.reachable !== false) || nodes.some((one) => one.kind === "dial"),
  };
}

/** Marks what can be reached from the start, and edges that lead back. */
function walk(nodes, edges) {
  const out = new Map();
  for (const edge of edges) out.set(edge.from, [...(out.get(edge.from) ?? []), edge]);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const state = new Map();
  const visit = (from) => {
    const stack = [[from, 0]];
    state.set(from, "open");
    while (stack.length) {
      const top = stack[stack.length - 1];
      const ways = out.get(top[0]) ?? [];
      if (top[1] >= ways.length) {
        state.set(top[0], "done");
        stack.pop();
        continue;
      }
      const edge = ways[top[1]++];
      const seen = state.get(edge.to);
      if (seen === "open") edge.loop = true;
      if (!seen) {
        state.set(edge.to, "open");
        stack.push([edge.to, 0]);
      }
    }
  };
  visit("start");
  for (const id of state.keys()) if (byId.has(id)) byId.get(id).reachable = true;
  for (const node of nodes) if (!state.has(node.id)) visit(node.id);
}
