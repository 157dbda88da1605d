"""A simulated call centre that asks lines_to_begin after each event. `python -m tests.unit.call_center`: the table."""

import heapq
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from dialer.model.employees import Lines, PaceBook, Staff, lines_to_begin
from dialer.model.rules import Pacing, Rules

PATIENCE_S = 2.0
"""So long an answered subscriber waits for an employee before the apology."""
UNANSWERED_S = 30.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: so many calls to subscribers, so many employees."""

    employees: int
    answer_rate: float
    pacing: Pacing = Pacing.PREDICTIVE
    calls: int = 10_000
    seed: int = 1
    rate_later: float | None = None
    """The answer rate of the second half of the calls."""
    log_normal: bool = True
    """Talk times; else exponential."""
    fails_at_once: float = 0.0
    """The part of the calls not answered that end after a second: wrong numbers, busy."""


@dataclass(slots=True)
class Seen:
    """What became of a run."""

    dialled: int = 0
    answered: int = 0
    abandoned: int = 0
    idle: float = 0.0
    """The part of the employees' time in which they waited for a call."""

    @property
    def abandon_rate(self) -> float:
        return self.abandoned / self.answered


@dataclass(frozen=True, slots=True)
class Compared:
    """A scene under predictive, and the same one under progressive."""

    scene: Scene
    predictive: Seen
    progressive: Seen

    @property
    def idle_left(self) -> float:
        """The part of progressive's idle time that predictive leaves."""
        return self.predictive.idle / self.progressive.idle

    def __str__(self) -> str:
        scene, seen = self.scene, self.predictive
        rate = f"{scene.answer_rate:.2f}" if scene.rate_later is None else f"{scene.answer_rate}→{scene.rate_later}"
        return (
            f"{rate:>11} {scene.fails_at_once:14.1f} {scene.employees:9} {scene.seed:4} {seen.abandon_rate:7.1%} "
            f"{seen.idle:15.1%} {self.progressive.idle:16.1%} {self.idle_left:6.2f}"
        )


HEAD = "answer rate fails at once employees seed abandon idle predictive idle progressive  ratio"


def compare(scene: Scene) -> Compared:
    """Run a scene both ways."""
    progressive = CallCentre(replace(scene, pacing=Pacing.PROGRESSIVE)).run()
    return Compared(scene, CallCentre(replace(scene, pacing=Pacing.PREDICTIVE)).run(), progressive)


class CallCentre:
    """Discrete events: (when, order, what happens)."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.random = random.Random(scene.seed)
        self.rules = Rules(pacing=scene.pacing)
        self.book = PaceBook()
        self.seen = Seen()
        self.now_s = 0.0
        self.free = scene.employees
        self.ringing = 0
        self.dialling = 0
        self.talking = 0
        self.idle_s = 0.0
        self.waiting: deque[float] = deque()
        """When the subscribers answered for whom no telephone rings yet."""
        self._events: list[tuple[float, int, Callable[[float], None], float]] = []
        self._order = 0

    def run(self) -> Seen:
        self._begin_calls()
        while self._events:
            at_s, _, happens, fact_s = heapq.heappop(self._events)
            if self.seen.dialled < self.scene.calls:
                self.idle_s += self.free * (at_s - self.now_s)
                self.seen.idle = self.idle_s / (self.scene.employees * at_s)
            self.now_s = at_s
            happens(fact_s)
            self._begin_calls()
        return self.seen

    def _later(self, after_s: float, happens: Callable[[float], None], fact_s: float) -> None:
        self._order += 1
        heapq.heappush(self._events, (self.now_s + after_s, self._order, happens, fact_s))

    def _begin_calls(self) -> None:
        left = self.scene.calls - self.seen.dialled
        if not left:
            return
        staff = Staff(self.scene.employees, self.free, self.ringing)
        lines = Lines(self.dialling, self.ringing + len(self.waiting), self.talking)
        decision = lines_to_begin(self.rules, staff, lines, self.book, self.now_s)
        for _ in range(min(left, decision.begin)):
            self._dial()

    def _dial(self) -> None:
        rate = self.scene.answer_rate
        if self.scene.rate_later is not None and self.seen.dialled * 2 >= self.scene.calls:
            rate = self.scene.rate_later
        self.seen.dialled += 1
        self.dialling += 1
        if self.random.random() < rate:
            rings_s = self.random.uniform(5, 25)
            self._later(rings_s, self._subscriber_answers, rings_s)
        else:
            rings_s = 1.0 if self.random.random() < self.scene.fails_at_once else UNANSWERED_S
            self._later(rings_s, self._nobody_answers, rings_s)

    def _nobody_answers(self, rang_s: float) -> None:
        self.dialling -= 1
        self.book.call_ended_unanswered(self.now_s, rang_s)

    def _subscriber_answers(self, rang_s: float) -> None:
        self.dialling -= 1
        self.seen.answered += 1
        self.book.subscriber_answered(self.now_s, rang_s)
        self.waiting.append(self.now_s)
        self._later(PATIENCE_S, self._patience_ends, self.now_s)
        self._ring_employee()

    def _patience_ends(self, answered_at_s: float) -> None:
        if self.waiting and self.waiting[0] <= answered_at_s:
            self.waiting.popleft()
            self.seen.abandoned += 1
            self.book.abandoned(self.now_s)

    def _ring_employee(self) -> None:
        if self.free and self.waiting:
            self.free -= 1
            self.ringing += 1
            self._later(self.random.uniform(1, 3), self._employee_takes, self.waiting.popleft())

    def _employee_takes(self, answered_at_s: float) -> None:
        self.ringing -= 1
        self.talking += 1
        self.book.employee_took(self.now_s, self.now_s - answered_at_s)
        talk_s = self.random.lognormvariate(4.467, 0.8) if self.scene.log_normal else self.random.expovariate(1 / 120)
        self._later(talk_s, self._talk_ends, talk_s)

    def _talk_ends(self, talked_s: float) -> None:
        self.talking -= 1
        wrap_up_s = self.random.uniform(5, 25)
        self._later(wrap_up_s, self._wrap_up_ends, talked_s + wrap_up_s)

    def _wrap_up_ends(self, busy_s: float) -> None:
        self.free += 1
        self.book.talk_ended(self.now_s, busy_s)
        self._ring_employee()


def scenes(seeds: int) -> Iterator[Scene]:
    """The whole grid, a rate that trebles, and numbers of which many fail at once."""
    for employees, seed in product((10, 20, 40), range(1, seeds + 1)):
        for rate in (0.15, 0.3, 0.5, 0.8):
            yield Scene(employees, rate, seed=seed, log_normal=seed % 2 == 1)
        yield Scene(employees, 0.2, seed=seed, rate_later=0.6)
        yield Scene(employees, 0.3, seed=seed, fails_at_once=0.6)


if __name__ == "__main__":
    print(HEAD)
    for each in scenes(seeds=int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        print(compare(each), flush=True)
