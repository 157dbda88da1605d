"""Memory of the engine over a million finished calls: does anything grow with them?"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.rows import Chart, Curve, Place, Row
from dialer.commands.serve import loop_factory
from tests.rig.engine import fill_aside, memory_mb, running

MOST_MB = 20.0
AT_ONCE = 20
PART = 1000
LOOKS = 50


async def measure(place: Place) -> Sequence[Row]:
    """In a process of its own: what measures before this one have freed would let it grow unseen."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, _in_this_process, place)


def _in_this_process(place: Place) -> Sequence[Row]:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_measure(place))


async def _measure(place: Place) -> Sequence[Row]:
    """A quarter of an hour: nothing but calls, each with its call file, its leave and its record."""
    calls = place.scaled(1_000_000, 10_000)
    database = place.folder / "dialer.db"
    await asyncio.to_thread(fill_aside, database, calls + 1000)
    async with running(database, place.folder) as engine:
        seen = [(0, memory_mb())]
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        while engine.made < calls:
            await engine.make(PART, AT_ONCE)
            engine.clear()
            if engine.made % (calls // LOOKS) < PART:
                seen.append((engine.made, memory_mb()))
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    start_mb, end_mb = seen[0][1], seen[-1][1]
    half_mb = next(mb for made, mb in seen if made >= calls // 2)
    places, values = [made / 1000 for made, _ in seen], [mb for _, mb in seen]
    chart = Chart(
        "memory",
        "Memory of the engine",
        "finished calls, thousands",
        "MB",
        [Curve("engine, all its parts", places, values)],
    )
    return [
        Row(
            measure=f"memory after {calls:,} finished calls",
            seen=f"{end_mb:.1f} MB, {end_mb - start_mb:+.1f} MB since the start, {end_mb - half_mb:+.1f} in the second "
            f"half ({calls / took_s:.0f} calls/s)",
            against=f"{start_mb:.1f} MB before the first call",
            to_reach=f"flat: < {MOST_MB:.0f} MB more",
            reached=end_mb - start_mb < MOST_MB,
            bound_by="the first calls: modules and statements that are made when they are first used, SQLite's caches; "
            "then the calls of the last minute, which the meter keeps",
            next_step="nothing that grows with the calls is known",
            figures={
                "calls": calls,
                "start_mb": start_mb,
                "half_mb": half_mb,
                "end_mb": end_mb,
                "cpu_ms_per_call": cpu_s / calls * 1000,
            },
            charts=[chart],
        )
    ]
