"""Pollings at once, with sound playing and keys being taken: the daemon's, and those of Asterisk alone.

A dialogue is four questions of 8 s, each answered by a key (SIP INFO) 6 to 9 s after the one before, and 3 s of thanks:
34 s. Dialogues are added until Asterisk is saturated. It is when a subscriber's telephone would stutter: more than 1 %
of the RTP packets come more than 40 ms after the one before, instead of 20, in two looks of 2 s on end. (Pauses of
450 ms and more are subscribers who think, and left out.) So it is when more than 1 % of the prompts after a key come
more than 250 ms late, which packets, a thousand for each key, do not tell: from Asterisk's event that it has ended what
the daemon asked for to the one of the next prompt (GET OPTION, STREAM FILE). A look in which other programs took much
of the machine is neither good nor late. Sound goes one way, to a socket of the bench that listens to one call of 16.
Both sides are measured so, in turn, twice each, for the speed of a machine may change within minutes: by call files and
a dialplan of Read() and Playback() without a daemon, and by the daemon.

How long a subscriber waits for the first prompt is told by Asterisk, not by the daemon: from the event that the
dialplan has come to AGI(…/dialogue) to the one that it has got the command for it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bench.dialogues import (
    LATE_MS,
    Alone,
    Campaign,
    Kept,
    Look,
    Respondents,
    Watcher,
    kept_answers,
    running_respondents,
)
from bench.first_prompt import PromptClock
from bench.rig import running_daemon
from bench.rows import Chart, Curve, Place, Row

QUICKLY, SLOWLY = 12, 5
"""Dialogues that are added a second: far from saturation, near it."""
NEAR = 240
TURNS = 2
"""Of Asterisk alone, and of the daemon; the mean counts."""
AT_ONCE = 300
"""For a while: how long do first prompts take?"""
HOLD_S = 25.0
STEP_S, STEPS_A_LOOK = 0.5, 4
LAST_S = 120.0
DISTURBED_CORES = 0.35
"""A look in which other programs take as much says nothing."""
MOST_DISTURBED = 0.25
"""Share of the looks, of all or of the last ones: with more of them a run says nothing."""
LAST_LOOKS = 8
TO_REACH, PROMPT_MS = 0.9, 50.0
NEXT_PROMPT_MS = 250.0


@dataclass
class Seen:
    """What a run came to."""

    looks: list[Look] = field(default_factory=list)

    @property
    def saturated_at(self) -> int:
        """The most dialogues at once before it was."""
        return max((look.at_once for look in self._good), default=0)

    @property
    def is_saturated(self) -> bool:
        return len(self._good) < len(self._undisturbed)

    @property
    def disturbed(self) -> float:
        """Share of the looks that say nothing: of all, or of the last ones, by which saturation is told."""

        def share(looks: Sequence[Look]) -> float:
            return sum(map(_is_disturbed, looks)) / max(1, len(looks))

        return max(share(self.looks), share(self.looks[-LAST_LOOKS:]))

    def cores(self, name: str, at_once: int) -> float:
        """Processors it was given with about so many dialogues; not a number where it never had so many."""
        some = [look.cores[name] for look in self.looks if abs(look.at_once - at_once) <= at_once * 0.1]
        return sum(some) / len(some) if some else math.nan

    @property
    def strangers(self) -> float:
        """Processors that went to strangers, on average."""
        return sum(look.strangers for look in self.looks) / max(1, len(self.looks))

    @property
    def next_prompt_ms(self) -> float:
        """The worst of the looks before it was saturated."""
        return max((look.next_prompt_p99_ms for look in self._good), default=0.0)

    @property
    def _undisturbed(self) -> list[Look]:
        return [look for look in self.looks if not _is_disturbed(look)]

    @property
    def _good(self) -> list[Look]:
        """Those before two on end were late."""
        looks = self._undisturbed
        late = [look.gap_p99_ms > LATE_MS or look.next_prompt_p99_ms > NEXT_PROMPT_MS for look in looks]
        return looks[: next((place for place, pair in enumerate(pairwise(late)) if all(pair)), len(looks))]


def _is_disturbed(look: Look) -> bool:
    return look.strangers >= DISTURBED_CORES


@dataclass(frozen=True)
class _Plan:
    """How many dialogues are wanted when."""

    near: int
    most: int

    def wanted(self, since_s: float) -> int:
        near_s = self.near / QUICKLY
        wanted = min(since_s, near_s) * QUICKLY + max(0.0, since_s - near_s) * SLOWLY
        return max(1, min(self.most, int(wanted)))


async def measure(place: Place) -> Sequence[Row]:
    # a short one, too, holds its dialogues until some have come to their end
    at_once, hold_s = place.scaled(AT_ONCE, 12), place.scaled(int(HOLD_S), 50)
    plan, last_s = _Plan(place.scaled(NEAR, 24), place.scaled(2000, 30)), place.scaled(int(LAST_S), 5)
    alone, daemon, held, kept = list[Seen](), list[Seen](), list[Look](), list[Kept]()
    async with running_respondents(place.folder) as respondents:
        clock = PromptClock(respondents.line.pbx)
        for turn in range(place.scaled(TURNS, 1)):
            alone.append(await _run_alone(respondents, plan, last_s))
            await _hang_up(respondents)
            audio = {"audio": {"allowed_dirs": [str(respondents.sounds)]}}
            async with running_daemon(place.folder / f"daemon-{turn}", respondents.line, audio) as dialer:
                campaign = Campaign(dialer, respondents)
                began_s, cuts = time.time(), list[tuple[float, float]]()
                await campaign.begin(place.scaled(6000, 200))
                await clock.start()
                watcher = Watcher(respondents, {"daemon": dialer.pid})
                await _hear_first_prompts(campaign, clock, at_once, hold_s)
                held.append(watcher.look())
                await campaign.keep(1)
                cuts.append(await _hang_up(respondents))
                clock.take_next()
                watcher = Watcher(respondents, {"daemon": dialer.pid}, clock)
                daemon.append(await _saturate(watcher, campaign.keep, plan, last_s))
                await clock.close()
                await campaign.keep(1)
                cuts.append(await _hang_up(respondents))
                events = (event for event in respondents.line.provider.events() if event.time_s >= began_s)
                kept.append(kept_answers(events, await campaign.task(), cuts))
    return [row_of_pollings(alone, daemon, kept), _row_of_prompts(clock.waits_s, at_once, held)]


async def _run_alone(respondents: Respondents, plan: _Plan, last_s: float) -> Seen:
    alone = Alone(respondents)
    dialling = asyncio.create_task(alone.run(), name="Asterisk alone")
    try:
        return await _saturate(Watcher(respondents, {}), alone.keep, plan, last_s)
    finally:
        dialling.cancel()


async def _hear_first_prompts(campaign: Campaign, clock: PromptClock, at_once: int, hold_s: float) -> None:
    """Of those that answer when about so many dialogues are in progress."""
    began_s = time.monotonic()
    full_s = at_once / QUICKLY
    while (since_s := time.monotonic() - began_s) < full_s + hold_s:
        clock.counts = since_s > full_s * 0.9
        await campaign.keep(max(1, min(at_once, int(since_s * QUICKLY))))
        await asyncio.sleep(STEP_S)
    clock.counts = False


async def _saturate(watcher: Watcher, keep: Callable[[int], Awaitable[None]], plan: _Plan, last_s: float) -> Seen:
    seen, began_s, steps = Seen(), time.monotonic(), 0
    while not seen.is_saturated and (since_s := time.monotonic() - began_s) < last_s:
        await keep(plan.wanted(since_s))
        await asyncio.sleep(STEP_S)
        steps += 1
        if steps % STEPS_A_LOOK == 0:
            seen.looks.append(watcher.look())
    return seen


async def _hang_up(respondents: Respondents) -> tuple[float, float]:
    """End all calls; from when to when that took, Unix time."""
    began_s = time.time()
    while respondents.in_progress() > 1:
        await respondents.line.pbx.rx("channel request hangup all")
        await asyncio.sleep(STEP_S)
    return began_s, time.time()


def row_of_pollings(alone: Sequence[Seen], daemon: Sequence[Seen], kept: Sequence[Kept]) -> Row:
    """Of runs in turn."""
    bound, seen = _mean(run.saturated_at for run in alone), _mean(run.saturated_at for run in daemon)
    share = seen / max(1.0, bound)
    pressed, lost = sum(one.pressed for one in kept), sum(one.lost for one in kept)
    next_prompt_ms = max(run.next_prompt_ms for run in daemon)
    figures = {
        "alone_dialogues": bound,
        "daemon_dialogues": seen,
        "share_of_alone": share,
        "dialogues_with_all_keys": pressed,
        "lost_dialogues": lost,
        "next_prompt_p99_ms": next_prompt_ms,
        "daemon_cores_at_300": _mean(run.cores("daemon", AT_ONCE) for run in daemon),
        "asterisk_cores_at_300": _mean(run.cores("asterisk", AT_ONCE) for run in daemon),
        "asterisk_alone_cores_at_300": _mean(run.cores("asterisk", AT_ONCE) for run in alone),
        "alone_disturbed": max(run.disturbed for run in alone),
        "daemon_disturbed": max(run.disturbed for run in daemon),
        "alone_strangers_cores": _mean(run.strangers for run in alone),
        "daemon_strangers_cores": _mean(run.strangers for run in daemon),
    }
    curves = [
        *((f"Asterisk alone, {turn}", run) for turn, run in enumerate(alone, 1)),
        *((f"with the daemon, {turn}", run) for turn, run in enumerate(daemon, 1)),
    ]
    are_saturated, is_bound_saturated = (all(run.is_saturated for run in runs) for runs in (daemon, alone))
    worst = max(figures["alone_disturbed"], figures["daemon_disturbed"])
    disturbed = worst > MOST_DISTURBED
    reached: bool | None = is_bound_saturated and share >= TO_REACH
    if lost or not pressed:
        reached = False
    elif disturbed:
        reached = None
    return Row(
        "pollings at once, sound playing, keys taken",
        f"{seen:.0f}{_each(daemon)} = {share:.2f}, {lost} of {pressed} dialogues with four keys pressed lost an answer "
        f"or their end, the prompt after a key within {next_prompt_ms:.0f} ms (p99)"
        + ("" if are_saturated else " (not saturated)")
        + (f"; other programs disturbed {worst:.0%} of the looks: nothing can be said" if disturbed else ""),
        f"Asterisk alone, Read() and Playback(): {bound:.0f}{_each(alone)}"
        + ("" if is_bound_saturated else " (not saturated)"),
        f">= {TO_REACH} of it",
        reached,
        f"Asterisk, which takes {figures['asterisk_cores_at_300']:.2f} cores for {AT_ONCE} dialogues (alone "
        f"{figures['asterisk_alone_cores_at_300']:.2f}), the daemon {figures['daemon_cores_at_300']:.2f}. By perf more "
        "than half is the kernel's: every 20 ms each dialogue wakes the thread that plays, the one of its Local pair "
        "and the one of its bridge, by poll() and eventfd",
        "fewer threads a dialogue: calls without the Local pair, which the claim of an attempt is made on; in the "
        "daemon a third is FastAGI, a quarter the database",
        figures,
        [
            Chart(
                "pollings-late",
                "RTP packets: time since the one before, 99 of 100",
                "dialogues at once",
                "ms",
                [
                    Curve(name, [look.at_once for look in run.looks], [look.gap_p99_ms for look in run.looks])
                    for name, run in curves
                ],
            ),
            Chart(
                "pollings-cores",
                "Processors that Asterisk and the daemon take",
                "dialogues at once",
                "cores",
                [
                    Curve(
                        name,
                        [look.at_once for look in run.looks],
                        [look.cores["asterisk"] + look.cores.get("daemon", 0.0) for look in run.looks],
                    )
                    for name, run in curves
                ],
            ),
        ],
    )


def _mean(values: Iterable[float]) -> float:
    """Of those that are numbers; 0: none is."""
    some = [value for value in values if not math.isnan(value)]
    return sum(some) / max(1, len(some))


def _each(runs: Sequence[Seen]) -> str:
    return f" ({' and '.join(str(run.saturated_at) for run in runs)})" if len(runs) > 1 else ""


def _row_of_prompts(waits_s: Sequence[float], at_once: int, held: Sequence[Look]) -> Row:
    strangers = _mean(look.strangers for look in held)
    waits_ms = sorted(1000 * wait_s for wait_s in waits_s)
    p99_ms = waits_ms[int(len(waits_ms) * 0.99)] if waits_ms else 0.0
    median_ms = waits_ms[len(waits_ms) // 2] if waits_ms else 0.0
    return Row(
        f"FastAGI answer to first prompt, {at_once} dialogues at once",
        f"median {median_ms:.1f} ms, p99 {p99_ms:.1f} ms of {len(waits_ms)}",
        "nothing: as Asterisk's events tell",
        f"p99 < {PROMPT_MS:.0f} ms",
        bool(waits_ms) and p99_ms < PROMPT_MS,
        "the turns that the daemon and Asterisk's threads wait for a core: a connection, its environment, STREAM FILE; "
        f"other programs of this machine took {strangers:.2f} cores meanwhile",
        "nothing within the daemon: there is no round trip left before the prompt; a core of its own for Asterisk",
        {
            "median_ms": median_ms,
            "p99_ms": p99_ms,
            "calls": len(waits_ms),
            "strangers_cores": strangers,
        },
    )
