"""What each step of a call costs, in counts that do not depend on the machine: `python -m tests.budgets.hot_paths`
writes them into budgets.toml."""

import asyncio
import gc
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

import sqlalchemy

from dialer.dispatch import saving, standby
from dialer.dispatch.ledger import Ledger
from dialer.store import database
from tests.rig.engine import ANSWERED_IN, ANSWERED_OUT, BUSY, Engine, Steps, call_of, counting_steps, fill, running
from tests.rig.ports import PortBlock

BUDGETS = Path(__file__).with_name("budgets.toml")
VERSIONS = {
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    "sqlalchemy": sqlalchemy.__version__,
    "sqlite": sqlite3.sqlite_version,
}
"""What the counts depend on beside our code."""
TOGETHER_S = 0.5
CALLS = 40
"""In a round: fewer than the numbers that are read at a time."""
_HEAD = f"""# What a step of one call may cost; the test fails for what costs a tenth more (statements: one), or so much
# less that this is to be lowered. Written by `python -m tests.budgets.hot_paths`: renew it when the work of a step has
# changed. ours, sqlalchemy: instructions of the interpreter in dialer/ and agi/, and in SQLAlchemy. statements,
# vm_steps: SQLite's. Neither asyncio nor what may stand in for it (uvloop) is counted.
{"".join(f'{name} = "{version}"{chr(10)}' for name, version in VERSIONS.items())}"""


@dataclass(slots=True)
class Cost:
    """Of one step of one call."""

    ours: float
    sqlalchemy: float
    statements: float
    vm_steps: float


class Instructions:
    """Counts instructions of the interpreter in threads that have `trace` as their trace function."""

    def __init__(self) -> None:
        self.ours = 0
        self.sqlalchemy = 0
        self._tracers: dict[CodeType, Any] = {}

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        code = frame.f_code
        if code not in self._tracers:
            self._tracers[code] = self._tracer_of(code.co_filename)
        tracer = self._tracers[code]
        if tracer is not None:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return tracer

    def _tracer_of(self, file: str) -> Any:
        if "/sqlalchemy/" in file:
            return self._count_sqlalchemy
        return self._count_ours if "/dialer/" in file or "/agi/" in file else None

    def _count_ours(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "opcode":
            self.ours += 1
        return self._count_ours

    def _count_sqlalchemy(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "opcode":
            self.sqlalchemy += 1
        return self._count_sqlalchemy


class Meter:
    """Counts what steps cost: in this thread and in those of the store."""

    def __init__(self, engine: Engine, steps: Steps) -> None:
        self._engine = engine
        self._steps = steps
        self._instructions = Instructions()
        self.costs: dict[str, Cost] = {}

    async def count(self, name: str, times: int, work: Callable[[], Awaitable[object]]) -> None:
        """`work` does the step so many times."""
        counted, steps = self._instructions, self._steps
        await self._watch(counted.trace)
        before = counted.ours, counted.sqlalchemy, steps.statements, steps.vm
        gc.disable()  # SQLAlchemy hears of what is collected, whenever that is
        try:
            await work()
        finally:
            gc.enable()
        after = counted.ours, counted.sqlalchemy, steps.statements, steps.vm
        await self._watch(None)
        self.costs[name] = Cost(*(round((late - early) / times, 1) for early, late in zip(before, after, strict=True)))

    async def _watch(self, trace: Any) -> None:
        """Frames that begin later are watched: those of the store's threads from their next work on."""
        store = self._engine.store
        for ask in (store.read, store.write):
            await ask(lambda _: sys.settrace(trace))
        sys.settrace(trace)


class Wire:
    """Asterisk's end of the AMI, and of FastAGI."""

    def __init__(self) -> None:
        self.logged_in = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def serve_ami(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/9.0\r\n")
        login = (await reader.readuntil(b"\r\n\r\n")).decode()
        action_id = login.partition("ActionID: ")[2].partition("\r\n")[0]
        writer.write(f"Response: Success\r\nActionID: {action_id}\r\nMessage: x\r\n\r\n".encode())
        writer.write(b"Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n")
        self._writer = writer
        self.logged_in.set()
        await reader.read()
        writer.close()

    def say(self, **headers: str) -> None:
        """One event."""
        assert self._writer is not None
        self._writer.write("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n")


async def claim_over_agi(port: int, attempt_id: int) -> None:
    """As the dialplan asks for leave."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = {
        "network": "yes", "network_script": "claim", "request": f"agi://127.0.0.1:{port}/claim",
        "channel": f"Local/{attempt_id}@autodialer-out-0000002a;2", "language": "en", "type": "Local",
        "uniqueid": call_of(attempt_id), "version": "22.0.0", "callerid": "unknown", "calleridname": "unknown",
        "callingpres": "0", "callingani2": "0", "callington": "0", "callingtns": "0", "dnid": "unknown",
        "rdnis": "unknown", "context": "autodialer-out", "extension": str(attempt_id), "priority": "2",
        "enhanced": "0.0", "accountcode": "", "threadid": "1", "arg_1": str(attempt_id),
        "arg_2": call_of(attempt_id), "arg_3": "C-0000002a",
    }  # fmt: skip
    writer.write("".join(f"agi_{name}: {value}\n" for name, value in said.items()).encode() + b"\n")
    answer = await reader.readline()
    assert b"granted" in answer, answer
    writer.write(b"200 result=1\n")
    await reader.read()
    writer.close()


async def measure(folder: Path, rows: int) -> dict[str, Cost]:
    """Of each step of a call, with so many open numbers."""
    await fill(folder / "dialer.db", rows, channels=CALLS)
    async with _wired(folder) as (engine, wire, meter, agi_port):
        await _round(engine, wire, agi_port, None)  # whatever is done once
        await _round(engine, wire, agi_port, meter)
        return meter.costs


@asynccontextmanager
async def _wired(folder: Path) -> AsyncIterator[tuple[Engine, Wire, Meter, int]]:
    wire, ports = Wire(), PortBlock(udp_ports=0, tcp_ports=1)
    server = await asyncio.start_server(wire.serve_ami, "127.0.0.1", 0)
    ami_port, agi_port = server.sockets[0].getsockname()[1], ports.port(1)
    with (
        counting_steps() as steps,
        # however slow the machine, what is noted together is committed together
        patch.object(database, "LATER_S", TOGETHER_S),
        patch.object(database, "MANY_APART_S", 0.0),  # and each claim by itself
        patch.object(saving, "PASSING_S", TOGETHER_S),
        patch.object(standby, "AHEAD_S", 0.0),  # nor has it calls stand by
    ):
        async with running(
            folder / "dialer.db", folder, dials=False, ami_port=ami_port, agi_port=agi_port
        ) as engine:  # fmt: skip
            engine.pbx.ami.start()
            await wire.logged_in.wait()
            await engine.dialogues.agi.start()
            try:
                yield engine, wire, Meter(engine, steps), agi_port
            finally:
                await engine.dialogues.agi.close()
                engine.pbx.ami.close()
                server.close()
                ports.release()


async def _round(engine: Engine, wire: Wire, agi_port: int, meter: Meter | None) -> None:
    """All steps of some calls. Half are busy; the others claim over FastAGI, answer a question and are connected."""
    ledger, scheduler = engine.dialling.ledger, engine.dialling.scheduler
    (queue,) = scheduler._queues.values()

    async def step(name: str, times: int, work: Callable[[], Awaitable[object]]) -> None:
        if meter is None:
            await work()
        else:
            await meter.count(name, times, work)

    async def begin_all() -> None:
        await scheduler._fill()
        await ledger.settle()

    async def claim_all() -> None:
        for attempt_id in claimed:
            assert await ledger.claim(attempt_id, call_of(attempt_id), "")

    async def claim_all_over_agi() -> None:
        for attempt_id in asked:
            await claim_over_agi(agi_port, attempt_id)

    async def end_busy() -> None:
        async with _all_committed(ledger, claimed):
            for attempt_id in claimed:
                _say_gone(wire, attempt_id, BUSY)

    async def keep_answers() -> None:
        for attempt_id in asked:
            assert await ledger.keep_answer(attempt_id, "1", "1", "1")

    async def end_answered() -> None:
        async with _all_committed(ledger, asked):
            for attempt_id in asked:
                call = call_of(attempt_id)
                wire.say(Event="UserEvent", UserEvent="AutodialerAnswered", Attempt=str(attempt_id), Call=call)
            for attempt_id in asked:
                _say_gone(wire, attempt_id, ANSWERED_IN)
                _say_gone(wire, attempt_id, ANSWERED_OUT)

    async def hear_others() -> None:
        heard, left = asyncio.get_running_loop().create_future(), CALLS
        told = engine.pbx.ami.on_message

        def count(headers: Any) -> None:
            nonlocal left
            told(headers)
            left -= 1
            if not left:
                heard.set_result(None)

        engine.pbx.ami.on_message = count
        for place in range(CALLS):
            wire.say(Event="Hangup", Channel=f"PJSIP/provider-{place:08x}", Cause="16", Uniqueid=f"1.{place}")
        await heard
        engine.pbx.ami.on_message = told

    queue.drop([number.attempt_id for number in queue.in_stock()])
    await step("restock", 1, lambda: queue.restock(datetime.now(UTC)))
    scheduler.feed(queue.task.task_id)
    await step("begin", CALLS, begin_all)
    begun = sorted(ledger.in_progress())
    assert len(begun) == CALLS
    claimed, asked = begun[: CALLS // 2], begun[CALLS // 2 :]
    await step("claim", len(claimed), claim_all)
    await step("claim_over_fastagi", len(asked), claim_all_over_agi)
    await step("event_to_result", len(claimed), end_busy)
    await step("answer", len(asked), keep_answers)
    await step("answered_to_result", len(asked), end_answered)
    await step("event_of_another", CALLS, hear_others)
    await ledger.settle()
    assert not ledger.in_use
    engine.made += CALLS
    engine.clear()


def _say_gone(wire: Wire, attempt_id: int, record: str) -> None:
    wire.say(
        Event="UserEvent",
        UserEvent="AutodialerGone",
        Attempt=str(attempt_id),
        Record=record.format(call=call_of(attempt_id)),
    )


@asynccontextmanager
async def _all_committed(ledger: Ledger, attempts: Sequence[int]) -> AsyncIterator[None]:
    """Leave the block when the records of all these are committed: results may wait for each other."""
    left, done = set(attempts), asyncio.Event()

    def committed(attempt_id: int, keys: tuple[str, ...]) -> None:
        if "out" in keys:
            left.discard(attempt_id)
        if not left:
            done.set()

    told, ledger.on_committed = ledger.on_committed, committed
    try:
        yield
        await done.wait()
    finally:
        ledger.on_committed = told


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="budgets-") as folder:
        costs = asyncio.run(measure(Path(folder), 10_000))
    lines = [_HEAD]
    for name, cost in costs.items():
        lines += [f"[{name}]", *(f"{figure} = {value}" for figure, value in asdict(cost).items()), ""]
    BUDGETS.write_text("\n".join(lines))
    print(BUDGETS.read_text())


if __name__ == "__main__":
    main()
