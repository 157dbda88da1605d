"""Whether a result is true: what an undisturbed call gives, or an honest word about a disturbance that took place."""

from tests.chaos import polling, scenario
from tests.chaos.crm import Row
from tests.chaos.evidence import Evidence, TaskEvidence
from tests.chaos.polling import Answer, Expected
from tests.chaos.scenario import Blow
from tests.rig.numbers import behaviour_of

LOST = "Lost: "
BROKEN_OFF = "Dialogue broken off"
UNREACHABLE = "Dialogue service not reachable"
UNSTORED = "An answer could not be stored"
LONGEST_CALL_S = scenario.RING_TIMEOUT_S + 3 * scenario.POLLING_LIMIT_S
"""Ringing, then at the most an answer just before each time limit."""
MOMENTS_S = 3.0
"""From leave to dialling, from a call's end to its record in AstDB, which is written once a second."""
_ENDS = frozenset({"REFUSED", "CANCEL", "HUNG_UP", "BYE"})


class Judge:
    """Judges rows one by one and counts them."""

    def __init__(self, evidence: Evidence) -> None:
        self._stage = evidence.stage
        self._rang_at = {
            event.number: event.time_s for event in evidence.stage.provider.events() if event.what == "INVITE"
        }
        self._ended_at = {
            event.number: event.time_s for event in evidence.stage.provider.events() if event.what in _ENDS
        }
        self.undisturbed = 0
        self.disturbed = 0
        self.lost = 0
        self.lost_before_dialling = 0

    def what_is_wrong(self, task: TaskEvidence, row: Row, answers: list[Answer]) -> str | None:
        """None for a true result."""
        number = row["phone"]
        expected = polling.expected_of_polling(number) if task.talk is None else _expected_of_talk(number, task.talk)
        if len(set(answers)) != len(answers) or not set(answers) <= set(_possible_answers(task, number)):
            return f"answers that nobody gave, {_possible_answers(task, number)} at most"
        if not expected.dialled and number in self._rang_at:
            return "dialled although it has no route"
        if (row["result"], row["cause"]) == (expected.result, expected.cause):
            self.undisturbed += 1
            complete = set(answers) == set(expected.answers)
            if not complete and (row["result"] == "SUCCESS_POLLING" or not self._in_the_way(row)):
                return f"not all answers, {expected.answers} expected"
            if expected.dialled and number not in self._rang_at:
                return "the provider saw no call"
            return None
        self.disturbed += 1
        return self._why_not_honest(task, row, expected)

    def _why_not_honest(self, task: TaskEvidence, row: Row, expected: Expected) -> str | None:
        cause = row["cause"] or ""
        in_the_way = self._in_the_way(row)
        match row["result"]:
            case "FAIL" if cause.startswith(LOST):
                self.lost += 1
                self.lost_before_dialling += row["phone"] not in self._rang_at
                honest = Blow.KILL_ASTERISK in in_the_way or Blow.FILL_DISK in in_the_way
                return None if honest else f"neither Asterisk died nor the disk was full, {expected} expected"
            case "FAIL_POLLING" if cause.startswith((BROKEN_OFF, UNREACHABLE)) and task.talk is None:
                if not expected.answered:
                    return "a subscriber who does not answer"
                return None if in_the_way else "nothing was in the way of the dialogue"
            case "FAIL_POLLING" if cause == UNSTORED and task.talk is None and expected.answered:
                return None if Blow.FILL_DISK in in_the_way else "the disk was not full"
            case "FAIL_POLLING" if not cause and task.talk is None and expected.answered:
                # the daemon waited for the disk with an answer; keys pressed before the next question are none to it
                return None if Blow.FILL_DISK in in_the_way else f"the disk was not full, {expected} expected"
            case "SUCCESS" | "FAIL" if task.talk is not None and expected.answered:
                # one leg's word is lost: talked, and nobody can tell who hung up; or no trace of the talk
                honest = Blow.KILL_ASTERISK in in_the_way or Blow.FILL_DISK in in_the_way
                return None if honest else "neither Asterisk died nor the disk was full"
        return f"{expected.result} ({expected.cause}) or an honest disturbance expected"

    def _in_the_way(self, row: Row) -> set[Blow]:
        """What may have disturbed the call."""
        began_s, ended_s = self._call_of(row)
        stage = self._stage
        times = [
            *((Blow.KILL_DAEMON, death_s, death_s) for death_s in stage.daemon_deaths),
            *((Blow.KILL_ASTERISK, death_s, death_s) for death_s in stage.asterisk_deaths),
            *((Blow.FILL_DISK, from_s, to_s) for from_s, to_s in stage.full_from_to),
        ]
        return {blow for blow, from_s, to_s in times if began_s <= to_s and from_s <= ended_s}

    def _call_of(self, row: Row) -> tuple[float, float]:
        """Between when and when something may have been in the way of this number's call, generously."""
        number = row["phone"]
        if number not in self._rang_at:
            return _claimed_at(row) - MOMENTS_S, _claimed_at(row) + MOMENTS_S
        rang_s = self._rang_at[number]
        return rang_s - MOMENTS_S, self._ended_at.get(number, rang_s + LONGEST_CALL_S) + MOMENTS_S


def _claimed_at(row: Row) -> float:
    """When the call began whose leave to dial was stored: Asterisk's linked id is `rig-<Unix seconds>.<number>`."""
    return float((row["linkedId"] or "-0.").partition("-")[2].partition(".")[0])


def _expected_of_talk(number: str, talk: str) -> Expected:
    if not behaviour_of(number).answers:
        return polling.expected_unanswered(number)
    return Expected(talk, None, ())


def _possible_answers(task: TaskEvidence, number: str) -> tuple[Answer, ...]:
    """All that the subscriber may have given before something ended the dialogue."""
    if task.talk is not None:
        return ()
    given = polling.given_by_key(number)
    return (*given, polling.NOBODY_PRESSED) if len(given) == polling.ANSWERS_BY_KEY else given
