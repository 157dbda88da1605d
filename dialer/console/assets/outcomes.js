// The results a call may have, in groups that a person thinks in. Their order is that of the charts, from below.
export const GROUPS = ["reached", "partial", "missed", "trouble", "elsewhere"];

/** @type {Record<string, string>} */
export const GROUP_OF = {
  SUCCESS_POLLING: "reached",
  SUCCESS: "reached",
  SUCCESS_CLIENT_H: "reached",
  SUCCESS_USER_H: "reached",
  FAIL_POLLING: "partial",
  FAIL_USER_BUSY: "partial",
  FAIL_USER_NO_ANSWER: "partial",
  FAIL_CLIENT_H_BEFORE_ANSWER: "partial",
  FAIL_USER_H_BEFORE_CLIENT_ANSWER: "partial",
  FAIL: "missed",
  FAIL_ROUTE: "trouble",
  FAIL_PROVIDER: "trouble",
  SUCCESS_ANOTHER_PHONE: "elsewhere",
  SUCCESS_EXTERNAL_SIGNAL: "elsewhere",
};
export const OUTCOMES = Object.keys(GROUP_OF);

export const groupOf = (outcome) => GROUP_OF[outcome] ?? "missed";

/** How many of each group, of how many of each outcome. */
export function grouped(results) {
  const counts = Object.fromEntries(GROUPS.map((group) => [group, 0]));
  for (const [outcome, count] of Object.entries(results ?? {})) counts[groupOf(outcome)] += count;
  return counts;
}

export const OPEN = 0;
export const CLOSED = 1;
export const PAUSED = 2;

/**
 * What a task is, for people: "open", "paused", "stopped" (closed before all its numbers were over), "finished"; "closed":
 * one of these two, which is not known before its numbers are counted.
 */
export function stateOf(task) {
  if (task.state !== CLOSED) return task.state === OPEN ? "open" : "paused";
  if (!task.counted) return "closed";
  return task.done < task.total ? "stopped" : "finished";
}
