"""Calls a second, answered and hung up at once: the daemon, a bare script by the same dialplan (a), a bare Dial (b)."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from bench.rig import Line, cpu_s, running_daemon, running_line
from bench.rows import Chart, Curve, Place, Row
from bench.script import Finished, Script
from tests.rig.daemon import Dialer
from tests.rig.waiting import WaitTimeout, wait_until

BORNE_LAG_S = 0.25
CHANNELS = 1000
_STEP = 1.12
"""Between two rates that the script is tried at."""
_CALLS_PER_NUMBER = 79_520_000_000


@dataclass(frozen=True)
class Dialled:
    """What the daemon came to."""

    calls_per_s: float
    lag_p99_s: float
    daemon_ms: float
    """CPU per call."""
    asterisk_ms: float
    lost: int
    """Numbers that have not exactly one true result."""
    per_second: Sequence[int]


async def measure(place: Place) -> Sequence[Row]:
    settle_s, run_s = place.scaled(25, 3), place.scaled(60, 4)
    async with running_line(place.folder / "line", "instant.xml") as line:
        bare, script = Script(line.pbx, bare=True), Script(line.pbx, bare=False)
        heard = Script(line.pbx, bare=True, listens=True)
        bound_b, with_ami = [await _most(bare, place)], [await _most(heard, place)]
        bound_a = [await _most_in_time(script, place)]
        async with running_daemon(place.folder / "dialer", line) as dialer:
            seen = await dial(line, dialer, settle_s, run_s)
        bound_a.append(await _most_in_time(script, place, from_per_s=max(10.0, bound_a[0].calls_per_s / _STEP**2)))
        bound_b.append(await _most(bare, place))
        with_ami.append(await _most(heard, place))
    a, b, with_ami_b = (max(bound, key=_rate) for bound in (bound_a, bound_b, with_ami))
    return [_rate_row(seen, a, b, with_ami_b), _cpu_row(seen)]


def _rate_row(seen: Dialled, script: Finished, bare: Finished, with_ami: Finished) -> Row:
    a, b = script.calls_per_s, bare.calls_per_s
    of_a, of_b = seen.calls_per_s / max(1, a), seen.calls_per_s / max(1, b)
    good = (
        min(a, b) >= 1
        and seen.calls_per_s >= 100
        and of_a >= 0.9
        and of_b >= 0.6
        and seen.lag_p99_s <= BORNE_LAG_S
        and not seen.lost
    )
    return Row(
        "calls/s, answered and hung up at once; task of 1,000 channels",
        f"{seen.calls_per_s:.0f}/s = {of_a:.2f} of (a), {of_b:.2f} of (b); event lag p99 {_bound_ms(seen.lag_p99_s)}; "
        f"{seen.lost} numbers without exactly one result",
        f"(a) bare script {a:.0f}/s with p99 below 250 ms, (b) bare Dial {b:.0f}/s, with "
        f"the daemon's AMI user connected {with_ami.calls_per_s:.0f}/s; of a processor these scripts take "
        f"{script.cpu_ms_per_call:.2f} and {bare.cpu_ms_per_call:.2f} ms a call",
        ">= 0.9 (a), >= 0.6 (b), >= 100/s, lag p99 < 250 ms, none lost",
        good,
        f"both cores are full: Asterisk {seen.asterisk_ms:.1f} ms a call, daemon {seen.daemon_ms:.1f} ms",
        "Asterisk's part: 112 messages of its bus for a call, 72 for a bare Dial; no Local pair, no session of FastAGI",
        {
            "daemon_calls_per_s": seen.calls_per_s,
            "script_calls_per_s": a,
            "bare_calls_per_s": b,
            "bare_with_ami_user_calls_per_s": with_ami.calls_per_s,
            "script_ms_per_call": script.cpu_ms_per_call,
            "bare_ms_per_call": bare.cpu_ms_per_call,
            "lag_p99_s": seen.lag_p99_s,
            "asterisk_ms_per_call": seen.asterisk_ms,
        },
        [
            Chart(
                "calls",
                "Results a second: 1,000 channels of instant calls asked for",
                "seconds from the first result",
                "results/s",
                [
                    Curve("daemon", list(range(len(seen.per_second))), seen.per_second),
                    Curve("(a) bare script", [0, len(seen.per_second)], [a, a]),
                    Curve("(b) bare Dial", [0, len(seen.per_second)], [b, b]),
                ],
            )
        ],
    )


def _cpu_row(seen: Dialled) -> Row:
    return Row(
        "daemon CPU per call",
        f"{seen.daemon_ms:.2f} ms",
        f"Asterisk {seen.asterisk_ms:.2f} ms",
        "report; < 2 ms",
        seen.daemon_ms < 2,
        "what a call does not do without: a session of FastAGI, a call file, three events, its part of a commit",
        "FastAGI: Asterisk opens a connection for each session, and the claim is to be asked for by each call",
        {"daemon_ms_per_call": seen.daemon_ms},
    )


def _bound_ms(lag_s: float) -> str:
    return f"<= {1000 * lag_s:.0f} ms"


def _rate(run: Finished) -> float:
    return run.calls_per_s


async def _most(script: Script, place: Place) -> Finished:
    """The most calls a second, whatever the delay."""
    runs = [await script.run(at_once, 1, place.scaled(6, 1)) for at_once in (8, 16, 32)]
    return max(runs, key=_rate)


async def _most_in_time(script: Script, place: Place, from_per_s: float = 70.0) -> Finished:
    """The most calls a second of which the events come in time: asked for more and more, until they do not; then
    between the two."""
    best, asked_per_s, failed = Finished(0, 1.0, 0.0), from_per_s, 0

    async def bears(per_s: float) -> bool:
        nonlocal best
        run = await script.run(400, 1, place.scaled(8, 2), per_s)
        in_time = run.calls > 0 and run.lag_p99_s <= BORNE_LAG_S and run.calls_per_s >= 0.95 * per_s
        best = max(best, run, key=_rate) if in_time else best
        return in_time

    while failed < 2 and not (place.short and best.calls):
        failed = 0 if await bears(asked_per_s) else failed + 1
        asked_per_s *= _STEP
    for _ in range(place.scaled(2, 0)):
        await bears(best.calls_per_s * _STEP**0.5)
    return best


async def dial(line: Line, dialer: Dialer, settle_s: int, run_s: int) -> Dialled:
    """Let the daemon have a task of instant calls: settle, then count."""
    count = 700 * (settle_s + run_s)
    numbers = [str(_CALLS_PER_NUMBER + place) for place in range(count)]
    task = {"innerNum": "900", "innerNumType": "exten", "maxCountChannels": CHANNELS, "numbers": numbers}
    posted_s = time.time()
    task_id = (await dialer.data("POST", "/task", task))["id"]
    await asyncio.sleep(settle_s)
    before, cpu, since_s = await _lags(dialer), (cpu_s(dialer.pid), cpu_s(line.pbx.pid)), time.time()
    await asyncio.sleep(run_s)
    after, used, until_s = await _lags(dialer), (cpu_s(dialer.pid), cpu_s(line.pbx.pid)), time.time()
    await dialer.call("PUT", f"/task/{task_id}", {"state": 2})
    await dialer.wait_health(lambda report: not report["calls_in_progress"], "no call in progress", 60)
    with suppress(WaitTimeout):
        await wait_until(lambda: not _lost(line, dialer, posted_s), "every result", 30)
    calls, per_second = _results(dialer, since_s, until_s)
    return Dialled(
        calls / (until_s - since_s),
        _p99({bound: count - before.get(bound, 0) for bound, count in after.items()}),
        1000 * (used[0] - cpu[0]) / max(1, calls),
        1000 * (used[1] - cpu[1]) / max(1, calls),
        _lost(line, dialer, posted_s),
        per_second,
    )


def _results(dialer: Dialer, since_s: float, until_s: float) -> tuple[int, list[int]]:
    """How many results were stored between the two times, and in each second from the first."""
    with closing(sqlite3.connect(dialer.database)) as database:
        rows = database.execute("SELECT closed_us / 1000000, count(*) FROM attempt WHERE closed_us > 0 GROUP BY 1")
        seconds = dict(rows.fetchall())
        within = "SELECT count(*) FROM attempt WHERE closed_us BETWEEN ? AND ?"
        counted = database.execute(within, (since_s * 1e6, until_s * 1e6)).fetchone()[0]
    return counted, [seconds.get(second, 0) for second in range(min(seconds), max(seconds) + 1)]


def _lost(line: Line, dialer: Dialer, since_s: float) -> int:
    """Numbers of which provider and database do not say the same: rung once, answered, one result that says so."""
    rung = Counter(
        event.number for event in line.provider.events() if event.what == "INVITE" and event.time_s >= since_s
    )
    with closing(sqlite3.connect(dialer.database)) as database:
        rows = database.execute(
            "SELECT phone, count(*) FROM attempt WHERE state != 'CreateTask' AND talked_s IS NOT NULL "
            "AND (cause IS NULL OR cause NOT LIKE 'Lost%') GROUP BY phone"
        )
        told = Counter(dict(rows.fetchall()))
        begun = {row[0] for row in database.execute("SELECT phone FROM attempt WHERE state != 'CreateTask'")}
    return sum(rung[number] != 1 or told[number] != 1 for number in begun | set(rung))


async def _lags(dialer: Dialer) -> Mapping[float, int]:
    """The histogram of the daemon's event lag: events by upper bound, seconds."""
    assert dialer.session is not None
    async with dialer.session.get(f"{dialer.url}/metrics") as response:
        text = await response.text()
    lines = (line for line in text.splitlines() if line.startswith("autodialer_ami_event_lag_seconds_bucket"))
    return {
        float(line.split('le="')[1].split('"')[0].replace("+Inf", "inf")): int(float(line.split()[-1]))
        for line in lines
    }


def _p99(buckets: Mapping[float, int]) -> float:
    """The upper bound of the bucket that the 99th percentile falls into, seconds."""
    total = buckets.get(float("inf"), 0)
    return min((bound for bound, count in buckets.items() if count >= 0.99 * total), default=0.0)
