"""What happens in a chaos run, all of it from one seed: the disturbances, the numbers, the tasks."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.rig.numbers import make_number

RING_TIMEOUT_S = 8
POLLING_LIMIT_S = 12
SETTINGS = {
    "dialing": {"ring_timeout_s": RING_TIMEOUT_S, "polling_limit_s": POLLING_LIMIT_S, "shutdown_grace_s": 15},
}
CUT_S = 5.0
FIRST_SERIES = 1_000


class Blow(StrEnum):
    """What is done to the dialer and its surroundings."""

    KILL_DAEMON = "daemon killed"
    KILL_ASTERISK = "Asterisk killed"
    CUT_AMI = "AMI connection cut"
    FREEZE_AMI = "AMI connection frozen"
    FILL_DISK = "disk full"


DAEMON_KILLS, ASTERISK_KILLS, AMI_CUTS, AMI_FREEZES, FULL_DISKS = 20, 5, 5, 1, 1
"""Of one round."""
CALM_STEPS = 3
"""Of one round: a long gap before these, so that some dialogues reach their end."""
CALM_S = (6.0, 8.0)


@dataclass(frozen=True)
class Step:
    """One blow. Steps follow one another; what a step breaks is mended while the next ones come."""

    blow: Blow
    gap_s: float
    """From the moment when it may strike to the blow."""
    lasts_s: float
    """Until it is started again, joined again, freed."""
    amid_calls: bool
    """Strike when all is well again and calls are in progress, or else amid the recovery from the step before."""


def plan_steps(chance: random.Random, rounds: int) -> list[Step]:
    """The disturbances of a run, in their order."""
    steps = []
    for _ in range(rounds):
        blows = [
            *[Blow.KILL_DAEMON] * DAEMON_KILLS,
            *[Blow.KILL_ASTERISK] * ASTERISK_KILLS,
            *[Blow.CUT_AMI] * AMI_CUTS,
            *[Blow.FREEZE_AMI] * AMI_FREEZES,
            *[Blow.FILL_DISK] * FULL_DISKS,
        ]
        chance.shuffle(blows)
        calm = chance.sample(range(len(blows)), CALM_STEPS)
        steps += [_step(blow, place in calm, chance) for place, blow in enumerate(blows)]
    return steps


def _step(blow: Blow, calm: bool, chance: random.Random) -> Step:
    short_s, middle_s, long_s = chance.uniform(0.0, 0.4), chance.uniform(0.2, 1.5), chance.uniform(0.8, 3.0)
    gap_s = chance.uniform(*CALM_S) if calm else chance.choice((short_s, middle_s, long_s))
    lasts_s = {
        Blow.KILL_DAEMON: chance.choice((0.0, 0.0, chance.uniform(0.2, 2.5))),
        Blow.KILL_ASTERISK: chance.uniform(0.2, 1.5),
        Blow.CUT_AMI: CUT_S,
        Blow.FREEZE_AMI: chance.uniform(4.0, 9.0),
        Blow.FILL_DISK: chance.uniform(6.0, 9.0),
    }[blow]
    return Step(blow, gap_s, lasts_s, amid_calls=chance.random() < 0.85)


_POLLED = (
    *(f"{first}{second}" for first in "12345" for second in "12345"),
    *("61", "62", "63", "66", "67", "68", "68", "69", "90", "91"),
    *("70", "71", "72", "73", "74", "75", "79", "80"),
    "60",
    "no route",
)


def polled_numbers(chance: random.Random) -> Iterator[str]:
    """Subscribers of the polling, for ever: one deck of all behaviours after the other."""
    series = FIRST_SERIES
    while True:
        deck = list(_POLLED)
        chance.shuffle(deck)
        for behaviour in deck:
            series += 1
            yield f"7000{series:07d}" if behaviour == "no route" else make_number(series, behaviour)


@dataclass(frozen=True)
class ExtenTask:
    """Subscribers who are connected to an employee; how the talk ends is certain."""

    exten: str
    behaviours: tuple[str, ...]
    talk: str
    """The result of a talk."""
    first_series: int

    @property
    def crm_id(self) -> str:
        return f"chaos-{self.exten}"

    @property
    def numbers(self) -> list[str]:
        return [make_number(series, kind) for series, kind in enumerate(self.behaviours, start=self.first_series)]


EXTEN_CHANNELS = 2
EXTEN_TASKS = (
    # the employee talks until the PBX hangs up, the subscriber leaves
    ExtenTask("201", ("66", "62", "70", "66", "62", "66", "73", "62"), "SUCCESS_CLIENT_H", 90_000),
    # employees who leave after 2 s and 1 s; the subscriber stays
    ExtenTask("202", ("60", "69", "71", "60", "60", "69", "60", "75", "60", "60"), "SUCCESS_USER_H", 91_000),
    ExtenTask(
        "208", ("60", "60", "69", "72", "60", "60", "69", "79", "60", "60", "60", "60"), "SUCCESS_USER_H", 92_000
    ),
)
