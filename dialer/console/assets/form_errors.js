// Errors of a form by the path of the field they are about, `questions[0].questionText`; under "" those about none. What
// has been mended is an error no more: it is looked at anew when the form is sent.

/** Those that are left when these fields, and whatever is below them, were changed. */
export function without(errors, fields) {
  const concerns = (path) => path === "" || fields.some((field) => path === field || path.startsWith(`${field}[`) || path.startsWith(`${field}.`));
  return Object.fromEntries(Object.entries(errors).filter(([path]) => !concerns(path)));
}

/** Those of a polling that are left when these parts of a question, given as they are now, were changed. */
export function withoutQuestion(errors, position, before, part) {
  const question = `questions[${position}]`;
  const fields = Object.keys(part).filter((name) => name !== "press").map((name) => `${question}.${name}`);
  if ("questionText" in part || "questionFile" in part) fields.push(`${question}.questionText`, `${question}.questionFile`);
  const sameKeys = part.press?.length === before.press.length;
  if (part.press) {
    // of other keys than before the places mean others
    const changed = part.press.flatMap((press, place) => (press === before.press[place] ? [] : [`${question}.press[${place}]`]));
    fields.push(`${question}.defPress`, ...(sameKeys ? changed : [`${question}.press`]));
  }
  const whole = new Set([question, ...("questionId" in part ? ["questions"] : []), ...(part.press ? [`${question}.press`] : [])]);
  return Object.fromEntries(Object.entries(without(errors, fields)).filter(([path]) => !whole.has(path)));
}
