"""What the engine needs for a call with a short list and with a long one, with one open task and with many."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from unittest.mock import patch

from bench.rows import Chart, Curve, Place, Row
from tests.rig.engine import Engine, counting_steps, fill, running

MOST_RATIO = 1.3
AT_ONCE = 20
TASKS = (1, 10, 100)
ROUNDS = 9
CHANNELS = 100


async def measure(place: Place) -> Sequence[Row]:
    sizes = (10_000, 100_000) if place.short else (10_000, 100_000, 1_000_000, 10_000_000)
    calls = place.scaled(400, 100)
    by_size = {f"{size:,}": place.folder / f"{size}" for size in sizes}
    for size, folder in zip(sizes, by_size.values(), strict=True):
        folder.mkdir()
        await fill(folder / "dialer.db", size, channels=CHANNELS)
    cpu_ms = await _cpu_ms(by_size, calls)
    steps = {name: await _steps(folder, calls) for name, folder in by_size.items()}
    ratio = max(cpu_ms.values()) / min(cpu_ms.values())
    vm_ratio = max(steps.values()) / min(steps.values())
    chart = Chart(
        "scale", "One call, by the length of the list", "open numbers", "ms of a processor",
        [Curve("engine and SQLite", [float(size) for size in sizes], list(cpu_ms.values()))], log_x=True,
    )  # fmt: skip
    of_list = Row(
        measure=f"scheduling cost per call, {' / '.join(by_size)} open numbers",
        seen=f"{_joined(cpu_ms)} ms of a processor, {_joined(steps, 0)} VM steps of SQLite: max/min {ratio:.2f} and "
        f"{vm_ratio:.3f}",
        against="the shortest list, in turns with the others in the same process",
        to_reach=f"flat: max/min <= {MOST_RATIO}",
        reached=ratio <= MOST_RATIO and vm_ratio <= MOST_RATIO,
        bound_by="what every call needs, whatever the list: a call file, its claim, its record, its part of a commit; "
        "the list: by the height of SQLite's trees",
        next_step="nothing that grows with the list is known",
        figures={f"cpu_ms_{name}": value for name, value in cpu_ms.items()}
        | {f"vm_steps_{name}": value for name, value in steps.items()},
        charts=[chart],
    )
    return [of_list, await _by_tasks(place, calls)]


async def _by_tasks(place: Place, calls: int) -> Row:
    """All tasks share channels, fewer than they could use: each call that ends is a question whose turn it is."""
    folders = {}
    for tasks in TASKS:
        folder = folders[f"{tasks}"] = place.folder / f"tasks-{tasks}"
        folder.mkdir()
        await fill(folder / "dialer.db", 100_000, tasks=tasks, channels=CHANNELS * tasks)
    with patch.dict(os.environ, {"DIALER_DIALING__MAX_CHANNELS": str(CHANNELS)}):
        cpu_ms = await _cpu_ms(folders, calls)
    return Row(
        measure=f"scheduling cost per call, {' / '.join(folders)} open tasks that share channels",
        seen=f"{_joined(cpu_ms)} ms of a processor",
        against="one task",
        to_reach="report",
        reached=None,
        bound_by="whose turn it is: every task that could dial is looked at for each call",
        next_step="tasks that could dial kept in the order of their turns",
        figures={f"cpu_ms_{name}_tasks": value for name, value in cpu_ms.items()},
    )


async def _cpu_ms(folders: Mapping[str, Path], calls: int) -> dict[str, float]:
    """Of a processor, SQLite's threads included, for each call: the median of rounds in turns, as all share what else
    runs on the machine."""
    seen: dict[str, list[float]] = {name: [] for name in folders}
    async with AsyncExitStack() as stack:
        engines: dict[str, Engine] = {}
        for name, folder in folders.items():
            engines[name] = await stack.enter_async_context(running(folder / "dialer.db", folder))
            await engines[name].make(calls, AT_ONCE)
            engines[name].clear()
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                began_s = time.process_time()
                await engine.make(calls, AT_ONCE)
                seen[name].append((time.process_time() - began_s) / calls * 1000)
                engine.clear()
    return {name: median(values) for name, values in seen.items()}


async def _steps(folder: Path, calls: int) -> float:
    """Of SQLite's virtual machine, for each call."""
    with counting_steps() as steps:
        async with running(folder / "dialer.db", folder) as engine:
            await engine.make(calls, AT_ONCE)
            before = steps.vm
            await engine.make(calls, AT_ONCE)
            return (steps.vm - before) / calls


def _joined(values: Mapping[str, float], digits: int = 2) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in values.values())
