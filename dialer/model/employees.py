"""How many calls may begin for the employees behind an internal number: progressive, power, predictive. Pure.

Predictive asks of each further call: if it is answered, how likely have the answers ahead of it taken every employee
who is free by then? Both are binomial: answers with the measured answer rate, employees who become free meanwhile with
the chance that a talk ends before a telephone is answered. Calls begin while that is at most a risk, and the measured
abandon rate moves the risk: the updating of Samuelson, "Predictive Dialing for Outbound Telephone Call Centers"
(Interfaces 29:5, 1999), as the feedback of Gibbs and Candès, "Adaptive Conformal Inference Under Distribution Shift"
(2021), which needs no model to be right."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp

from dialer.model.rules import Pacing, Rules

WINDOW_S = 1800.0
"""How long a book remembers, seconds."""
MAX_REMEMBERED = 10_000
"""Facts of one kind in a book; the oldest go first."""
LAST_CALLS = 500
"""The answer rate is that of so many calls: fewer are chance, more are another hour of the day."""
MIN_ON_DUTY = 10
"""With fewer employees there is little to average over."""
MIN_ANSWERED = 50
MIN_TALKS = 30
AIM = 0.8
"""The part of `max_abandon_rate` that predictive aims at."""
FAILED_S = 5.0
"""A call that ends unanswered before hardly rang: busy, a wrong number."""
RISK_AT_AIM = 3.5
"""Times `max_abandon_rate`: the risk of the last call begun while the measured rate is as aimed at. Above 1, since the
calls begun before it risk less: at a constant risk of 0.12, tests/unit/call_center.py sees 1 to 3 of 100 abandoned."""
MAX_TO_SPARE = 2.0
"""Abandoned calls: more are not saved up for later."""
MAX_RISK = 0.5
RISK_STEP = 0.2
"""About the part of the risk that one abandoned call takes off it."""
NEGLIGIBLE = 1e-4


@dataclass(frozen=True, slots=True)
class Staff:
    """The employees behind an internal number, now."""

    on_duty: int
    """Logged in and not paused."""
    free: int
    """Could take a call: idle, not in wrap-up, not ringing."""
    ringing: int
    """Their telephone rings."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Our calls to an internal number, now."""

    dialling: int
    """Not answered yet: a call file or ringing."""
    connecting: int
    """Answered, an employee is being found."""
    talking: int
    """With an employee."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How many more calls may begin, and why."""

    begin: int
    """0 or more."""
    mode: Pacing
    """Who decided: progressive where predictive fell back to it."""
    reason: str
    """In words, for operators."""


class _Recent:
    """The numbers of the last `window_s` seconds, at most `limit` of them, and their total."""

    __slots__ = ("_limit", "_numbers", "_window_s", "total")

    def __init__(self, window_s: float, limit: int = MAX_REMEMBERED) -> None:
        self._window_s = window_s
        self._limit = limit
        self._numbers: deque[tuple[float, float]] = deque()
        self.total = 0.0

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, now_s: float, number: float) -> None:
        self._numbers.append((now_s, number))
        self.total += number
        if len(self._numbers) > self._limit:
            self.total -= self._numbers.popleft()[1]
        self.forget(now_s)

    def forget(self, now_s: float) -> None:
        while self._numbers and self._numbers[0][0] <= now_s - self._window_s:
            self.total -= self._numbers.popleft()[1]
        if not self._numbers:
            self.total = 0.0


class PaceBook:
    """What became of the calls to one internal number in the last `window_s` seconds. `now_s`: any monotonic clock."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self.window_s = window_s
        self._calls = _Recent(window_s, LAST_CALLS)
        self._rang = _Recent(window_s, LAST_CALLS)
        self._rang_to_answer_s = _Recent(window_s, LAST_CALLS)
        self._answered = _Recent(window_s)
        self._abandoned = _Recent(window_s)
        self._waited_s = _Recent(window_s)
        self._talked_s = _Recent(window_s)

    def call_ended_unanswered(self, now_s: float, rang_s: float) -> None:
        """Nobody answered, `rang_s` seconds after the call began; failed calls, too."""
        self._calls.add(now_s, 0)
        self._rang.add(now_s, rang_s >= FAILED_S)
        self._rang_to_answer_s.add(now_s, 0)

    def subscriber_answered(self, now_s: float, rang_s: float) -> None:
        """A subscriber answered, `rang_s` seconds after the call began."""
        self._calls.add(now_s, 1)
        self._rang.add(now_s, 1)
        self._rang_to_answer_s.add(now_s, rang_s)
        self._answered.add(now_s, 1)

    def employee_took(self, now_s: float, waited_s: float) -> None:
        """An employee talks to a subscriber who answered `waited_s` seconds ago."""
        self._waited_s.add(now_s, waited_s)

    def abandoned(self, now_s: float) -> None:
        """A subscriber who answered found nobody."""
        self._abandoned.add(now_s, 1)

    def talk_ended(self, now_s: float, talked_s: float) -> None:
        """An employee is free again, `talked_s` seconds after taking a call; with the wrap-up where it is known."""
        self._talked_s.add(now_s, talked_s)

    def measured(self, now_s: float) -> "Measured":
        """What the window shows now."""
        for fact in (self._calls, self._rang, self._rang_to_answer_s, self._answered, self._abandoned):
            fact.forget(now_s)
        for fact in (self._waited_s, self._talked_s):
            fact.forget(now_s)
        return Measured(
            answered=len(self._answered),
            abandoned=len(self._abandoned),
            talks=len(self._talked_s),
            answer_rate=(self._calls.total + 1) / (len(self._calls) + 2),
            ringing_answer_rate=(self._calls.total + 1) / (self._rang.total + 2),
            time_to_answer_s=self._rang_to_answer_s.total / (self._calls.total or 1),
            wait_s=self._waited_s.total / (len(self._waited_s) or 1),
            talk_s=self._talked_s.total / (len(self._talked_s) or 1),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers and means of a PaceBook."""

    answered: int
    abandoned: int
    """Of those answered."""
    talks: int
    answer_rate: float
    """Of a call that begins: the rule of succession over the last calls, so neither 0 nor 1."""
    ringing_answer_rate: float
    """Of a call that did not fail at once, as most of those being dialled: not below `answer_rate`."""
    time_to_answer_s: float
    wait_s: float
    """From the answer until an employee talks."""
    talk_s: float

    @property
    def abandon_rate(self) -> float:
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def release_chance(self) -> float:
        """How likely a busy employee becomes free before a call that begins now is answered: exponential times."""
        return self.time_to_answer_s / (self.time_to_answer_s + self.talk_s) if self.talk_s > 0 else 0.0


def lines_to_begin(rules: Rules, staff: Staff, lines: Lines, book: PaceBook, now_s: float) -> Decision:
    """How many more calls may begin by `rules.pacing`, whatever the limits of channels and pace allow."""
    available = staff.free + min(staff.ringing, lines.connecting)
    on_way = lines.dialling + lines.connecting
    now = f"{_number(available, 'free employee')}, {_number(on_way, 'call')} on their way"
    progressive = max(0, available - on_way)
    match rules.pacing:
        case Pacing.PROGRESSIVE:
            return Decision(progressive, Pacing.PROGRESSIVE, f"progressive: {now}")
        case Pacing.POWER:
            begin = max(0, int(rules.power_ratio * available) - on_way)
            return Decision(begin, Pacing.POWER, f"power, {rules.power_ratio:g} calls for each: {now}")
    seen = book.measured(now_s)
    obstacle = _obstacle(seen, rules.max_abandon_rate, staff.on_duty, book.window_s)
    if obstacle is not None:
        reason = f"predictive fell back to progressive: {obstacle}; {now}"
        return Decision(progressive, Pacing.PROGRESSIVE, reason)
    begin = max(progressive, _begin_at_risk(_risk(seen, rules.max_abandon_rate), seen, staff, lines))
    reason = (
        f"predictive: {now}; answer rate {_percent(seen.answer_rate)}, abandon rate {_percent(seen.abandon_rate)}, "
        f"a talk takes {seen.talk_s:.0f} s, subscribers wait {seen.wait_s:.1f} s"
    )
    return Decision(begin, Pacing.PREDICTIVE, reason)


def _obstacle(seen: Measured, limit: float, on_duty: int, window_s: float) -> str | None:
    """Why predictive must not decide, in words."""
    if on_duty < MIN_ON_DUTY:
        return f"{_number(on_duty, 'employee')} on duty, {MIN_ON_DUTY} needed"
    if seen.answered < MIN_ANSWERED:
        return f"data are few: {_number(seen.answered, 'answered call')}, {MIN_ANSWERED} needed"
    if seen.talks < MIN_TALKS:
        return f"data are few: {_number(seen.talks, 'ended talk')}, {MIN_TALKS} needed"
    if seen.abandoned > limit * seen.answered:
        over = f"abandon rate {_percent(seen.abandon_rate)} over the last {window_s / 60:.0f} min"
        return f"{over}, at most {_percent(limit)}"
    return None


def _risk(seen: Measured, limit: float) -> float:
    """How likely the last call begun may find nobody: the more abandoned calls are to spare, the likelier."""
    to_spare = min(MAX_TO_SPARE, AIM * limit * seen.answered - seen.abandoned)
    return min(MAX_RISK, RISK_AT_AIM * limit * exp(RISK_STEP * to_spare))


def _begin_at_risk(risk: float, seen: Measured, staff: Staff, lines: Lines) -> int:
    """How many calls may begin until the next one, answered, finds nobody with a chance above `risk`."""
    spare = staff.free + min(0, staff.ringing - lines.connecting)
    busy = max(0, staff.on_duty - staff.free - staff.ringing)
    left = _chances_of_one_left(spare, busy, seen.release_chance)
    answers_of_dialled = lines.dialling * seen.ringing_answer_rate

    def finds_nobody(begun: int) -> float:
        # Their mean rate for all spreads the answers more than two rates do, so this errs to caution (Hoeffding 1956)
        ahead = lines.dialling + begun
        rate = (answers_of_dialled + begun * seen.answer_rate) / ahead if ahead else 0.0
        return 1 - sum(chance * one_left for chance, one_left in zip(_binomial(ahead, rate), left, strict=False))

    too_many = 0
    while finds_nobody(too_many) <= risk:
        too_many = 2 * too_many + 1
    return bisect_right(range(too_many), risk, key=finds_nobody)


def _chances_of_one_left(spare: int, busy: int, release_chance: float) -> list[float]:
    """How likely an employee is left after 0, 1, 2 … answers; `spare` below 0: so many already wait for one."""
    at_least_one_more = []
    beyond = 1.0
    for chance in _binomial(busy, release_chance):
        beyond -= chance
        if beyond < NEGLIGIBLE:
            break
        at_least_one_more.append(beyond)
    return [1.0] * spare + at_least_one_more[max(0, -spare) :]


def _binomial(trials: int, rate: float) -> Iterator[float]:
    """The chances of 0, 1, 2 … successes; `rate` below 1."""
    odds = rate / (1 - rate)
    chance = (1 - rate) ** trials
    for successes in range(trials + 1):
        yield chance
        chance *= odds * (trials - successes) / (successes + 1)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2g} %" if rate < 0.1 else f"{100 * rate:.0f} %"
