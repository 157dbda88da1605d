"""The checks: each looks at the evidence and names every single case in which the promise was broken."""

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.chaos import polling, scenario, truth
from tests.chaos.evidence import Evidence
from tests.chaos.scenario import Blow

NEARLY_EVERY = 0.75
"""Share of the blows that must have met calls in progress."""
SHOWN = 12


@dataclass
class Findings:
    """What the checks say. `broken`: by check, each case in words; empty when the promise was kept."""

    broken: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        """Tables for people."""
        console = Console(file=io.StringIO(), width=140)
        results = Table("result (cause)", "numbers", title="What became of the numbers")
        for cause, count in sorted(self.causes.items()):
            results.add_row(cause, str(count))
        run = Table("the run", "", title="What was done and found")
        for name, count in self.counts.items():
            run.add_row(name, str(count))
        console.print(results, run)
        for name, cases in self.broken.items():
            console.print(f"BROKEN: {name}: {len(cases)} cases", style="bold red", highlight=False)
            for case in cases[:SHOWN]:
                console.print(f"  {case}", highlight=False, soft_wrap=True)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()


def check(evidence: Evidence) -> Findings:
    """Run all checks."""
    findings = Findings()
    for task in evidence.tasks:
        for row in task.rows:
            findings.causes[f"{row['result']} ({row['cause'] or ''})"] += 1
    findings.counts.update(_counts(evidence))
    for name, one in CHECKS.items():
        cases = one(evidence, findings.counts)
        if cases:
            findings.broken[name] = cases
    return findings


def _counts(evidence: Evidence) -> dict[str, int]:
    blows = Counter(blow for blow, _, _ in evidence.struck)
    return {
        **{blow.value: blows[blow] for blow in Blow},
        "amid calls": sum(calls > 0 for _, _, calls in evidence.struck),
        "starts of the daemon that failed": len(evidence.stage.failed_starts),
        "numbers": sum(len(task.numbers) for task in evidence.tasks),
        "calls that the provider saw": evidence.stage.provider.invites().total(),
        "replies that the CRM read": evidence.crm.fetched,
    }


def one_result_each(evidence: Evidence, _: dict[str, int]) -> list[str]:
    """Every number posted has exactly one row, in the API and in the database, and it is closed with a result."""
    cases = []
    for task in evidence.tasks:
        rows = Counter(row["phone"] for row in task.rows)
        stored = Counter(phone_id for _, task_id, phone_id, _, _ in evidence.stored if str(task_id) == task.task["id"])
        for number in task.numbers:
            if rows[number] != 1 or stored[number[-10:]] != 1:
                cases.append(f"{number}: {rows[number]} rows, {stored[number[-10:]]} stored")
        if len(rows) != len(task.numbers):
            cases.append(f"{len(rows)} numbers in the task, {len(task.numbers)} were posted")
        cases += [f"without a result: {row}" for row in task.rows if row["result"] is None]
        if task.task["state"] != "1":
            cases.append(f"task {task.task['id']} has state {task.task['state']}")
    cases += [f"not closed in the database: {row}" for row in evidence.stored if row[3] is None or row[4] is None]
    return cases


def no_double_dials(evidence: Evidence, counts: dict[str, int]) -> list[str]:
    """The provider saw every number at most once."""
    invites = evidence.stage.provider.invites()
    twice = [f"{number}: {count} calls" for number, count in invites.items() if count > 1]
    counts["double dials"] = len(twice)
    return twice


def acknowledged_answers_are_kept(evidence: Evidence, counts: dict[str, int]) -> list[str]:
    """Whoever heard the next prompt after a key has that answer in the results."""
    prompts = evidence.stage.witness.prompts()
    checked = in_broken_off = 0
    cases = []
    for task in evidence.polled:
        answers = task.answers()
        for row in task.rows:
            heard = {evidence.prompts.index(sound) for sound in prompts.get(int(row["id"]), ())}
            given = polling.given_by_key(row["phone"])
            acknowledged = min(max(heard, default=0), polling.ANSWERS_BY_KEY)
            if acknowledged > len(given):
                cases.append(f"{row['phone']}: heard prompt {max(heard)} without having pressed a key for it: {row}")
            for answer in given[:acknowledged]:
                checked += 1
                in_broken_off += (row["cause"] or "").startswith(truth.BROKEN_OFF)
                if answer not in answers[row["phone"]]:
                    cases.append(f"{row['phone']}: {answer} was acknowledged, stored is {answers[row['phone']]}: {row}")
    counts["acknowledged answers checked"] = checked
    counts["… of dialogues that a crash broke off"] = in_broken_off
    counts["… lost"] = len(cases)
    return cases


def results_are_true(evidence: Evidence, counts: dict[str, int]) -> list[str]:
    """Each result is what the behaviour gives, or says honestly that something was in the way, and something was."""
    judge = truth.Judge(evidence)
    cases = []
    for task in evidence.tasks:
        answers = task.answers()
        for row in task.rows:
            wrong = judge.what_is_wrong(task, row, answers[row["phone"]])
            if wrong:
                cases.append(
                    f"{row['phone']}: {wrong}: {row['result']} ({row['cause']}), {answers[row['phone']]}, {row}"
                )
    counts["results as if undisturbed"] = judge.undisturbed
    counts["results that say what was in the way"] = judge.disturbed
    counts["… lost: nobody can tell what became of the call"] = judge.lost
    counts["… … claimed, and not dialled"] = judge.lost_before_dialling
    return cases


def a_crm_sees_final_results_once(evidence: Evidence, _: dict[str, int]) -> list[str]:
    """No result or answer changed after the CRM had seen it, and the CRM has collected what GET /task shows."""
    cases = list(evidence.crm.changed)
    for task in evidence.tasks:
        for collected, shown in ((evidence.crm.results, task.rows), (evidence.crm.answers, task.task["resultsPoling"])):
            cases += [
                f"the CRM has {collected.get(row['id'])} instead of {row}"
                for row in shown
                if collected.get(row["id"]) != row
            ]
    return cases


def nothing_is_left(evidence: Evidence, _: dict[str, int]) -> list[str]:
    """No channel slot in use, no call file, and it dials."""
    cases = [f"in the spool: {name}" for name in evidence.call_files]
    if evidence.health["calls_in_progress"] != 0 or not evidence.health["dialling"]:
        cases.append(str(evidence.health))
    return cases


def channels_are_kept_to(evidence: Evidence, counts: dict[str, int]) -> list[str]:
    """Never more calls at once than the task's channels."""
    cases = []
    for task in evidence.tasks:
        most = evidence.stage.witness.most_at_once(set(task.numbers))
        counts[f"most channels at once, task {task.task['crmId']} (allowed {task.channels})"] = most
        if most > task.channels:
            cases.append(f"task {task.task['crmId']}: {most} channels at once, {task.channels} allowed")
    return cases


def the_run_was_hard_enough(evidence: Evidence, counts: dict[str, int]) -> list[str]:
    """So many blows, nearly all of them amid calls, and enough answers to check: else the rest says nothing."""
    demands = {
        Blow.KILL_DAEMON.value: scenario.DAEMON_KILLS,
        Blow.KILL_ASTERISK.value: scenario.ASTERISK_KILLS,
        Blow.CUT_AMI.value: scenario.AMI_CUTS,
        Blow.FILL_DISK.value: scenario.FULL_DISKS,
        "amid calls": int(len(evidence.struck) * NEARLY_EVERY),
        "numbers": 150,
        "calls that the provider saw": 130,
        "replies that the CRM read": 50,
        "acknowledged answers checked": 50,
        "… of dialogues that a crash broke off": 5,
        "results as if undisturbed": 75,
        "results that say what was in the way": 5,
    }
    return [
        f"{name}: {counts[name]}, at least {least} wanted" for name, least in demands.items() if counts[name] < least
    ]


Check = Callable[[Evidence, dict[str, int]], list[str]]
CHECKS: dict[str, Check] = {
    "every number ends with exactly one final result": one_result_each,
    "the provider sees every number at most once per allowed attempt": no_double_dials,
    "every acknowledged answer is in the results": acknowledged_answers_are_kept,
    "every result is true": results_are_true,
    "a final result never changes, and a CRM gets them all": a_crm_sees_final_results_once,
    "no channel slot stays in use": nothing_is_left,
    "no task has more calls at once than channels": channels_are_kept_to,
    "the run was hard enough": the_run_was_hard_enough,
}
