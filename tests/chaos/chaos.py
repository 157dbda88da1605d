"""The controller: posts tasks, strikes blow after blow, waits for the end, has everything checked.

`make chaos` runs it as a command; CHAOS_SEED repeats a run, CHAOS_ROUNDS makes it shorter or longer.
"""

import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tests.chaos import polling, scenario
from tests.chaos.checks import Findings, check
from tests.chaos.crm import Crm, Row
from tests.chaos.evidence import Evidence, TaskEvidence, collect_rows
from tests.chaos.scenario import Blow, Step
from tests.chaos.stage import Stage, running_stage
from tests.rig.numbers import make_number
from tests.rig.waiting import WaitTimeout, wait_for_answer, wait_until

POLLED_CRM_ID = "chaos-polled"
POLLED_CHANNELS = 14
NUMBERS_AT_FIRST = 120
NUMBERS_MORE = 25
QUEUE_AT_LEAST = 20
FEED_EVERY_S = 1.0
CALLS_IN_PROGRESS = 3
"""A blow that is to strike amid calls waits for so many, and at most so long."""
AMID_TIMEOUT_S = 15.0
END_TIMEOUT_S = 75.0
DEFAULT_ROUNDS = 9
REHEARSAL = make_number(1, "12")

Tell = Callable[[str], None]


@dataclass
class Struck:
    """A blow as it happened."""

    step: Step
    at_s: float
    calls: int
    """Calls in progress at that moment."""


@dataclass
class Chaos:
    """One run on a stage."""

    stage: Stage
    crm: Crm
    seed: int
    tell: Tell
    struck: list[Struck] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    """Of the polling's task, as posted last."""
    mending: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, rounds: int) -> Evidence:
        """Everything, from the rehearsal to the evidence."""
        prompts = await self._rehearse()
        chance = random.Random(self.seed)
        steps = scenario.plan_steps(chance, rounds)
        supply = scenario.polled_numbers(chance)
        task_ids = await self._post_tasks(supply)
        async with running(self.crm.fetch_for_ever()), running(self._feed(task_ids[POLLED_CRM_ID], supply)):
            for step in steps:
                await self._strike(step)
            await self._mend_all()
        started = time.monotonic()
        self.tell("all blows struck, waiting for the last number")
        tasks = {crm_id: await self._finished(task_id, started) for crm_id, task_id in task_ids.items()}
        return await self._collect(tasks, prompts)

    async def _rehearse(self) -> tuple[str, ...]:
        """One undisturbed call: which sounds follow one another, for the witness's sake."""
        polling_id = (await self.crm.post("/polling", polling.POLLING))["id"]
        assert polling_id
        body = _task("chaos-rehearsal", polling.CRM_ID, "polling", 1, [REHEARSAL])
        task = await self._finished((await self.crm.post("/task", body))["id"], time.monotonic())
        row = task["results"][0]
        assert row["result"] == "SUCCESS_POLLING", row
        prompts = tuple(self.stage.witness.prompts()[int(row["id"])])
        assert len(set(prompts)) == len(prompts) == polling.PROMPTS, prompts
        return prompts

    async def _post_tasks(self, supply: Iterator[str]) -> dict[str, str]:
        self.numbers = list(islice(supply, NUMBERS_AT_FIRST))
        bodies = [_task(POLLED_CRM_ID, polling.CRM_ID, "polling", POLLED_CHANNELS, self.numbers)]
        bodies += [
            _task(task.crm_id, task.exten, "exten", scenario.EXTEN_CHANNELS, task.numbers)
            for task in scenario.EXTEN_TASKS
        ]
        return {body["crmId"]: (await self.crm.post("/task", body))["id"] for body in bodies}

    async def _feed(self, task_id: str, supply: Iterator[str]) -> None:
        """Post the list with more numbers before it runs out."""
        while True:
            task = await self.crm.ask("GET", f"/task/{task_id}")
            waiting = [row for row in (task or {}).get("results", ()) if row["state"] == "CreateTask"]
            if task is not None and len(waiting) < QUEUE_AT_LEAST:
                self.numbers += islice(supply, NUMBERS_MORE)
                await self.crm.post(
                    "/task", _task(POLLED_CRM_ID, polling.CRM_ID, "polling", POLLED_CHANNELS, self.numbers)
                )
            await asyncio.sleep(FEED_EVERY_S)

    async def _strike(self, step: Step) -> None:
        if step.amid_calls:
            await self._mended(step.blow)
            await self._calls_in_progress()
        await asyncio.sleep(step.gap_s)
        mending = self.mending.get(step.blow)
        if step.blow is Blow.KILL_DAEMON and mending and not mending.done() and self.stage.daemon_runs:
            await self.stage.kill_daemon()  # whoever starts it tries again
            self._struck(step, "while it starts", self.stage.witness.calls_now())
            return
        await self._mended(step.blow)
        calls = self.stage.witness.calls_now()
        mend = await self._hit(step)
        self._struck(step, f"for {step.lasts_s:.1f} s", calls)
        self.mending[step.blow] = asyncio.create_task(_after(step.lasts_s, mend), name=f"mend: {step.blow}")

    async def _calls_in_progress(self) -> None:
        try:
            await wait_until(
                lambda: self.stage.witness.calls_now() >= CALLS_IN_PROGRESS, "calls in progress", AMID_TIMEOUT_S
            )
        except WaitTimeout:
            self.tell("no calls in progress, striking nevertheless")

    def _struck(self, step: Step, how: str, calls: int) -> None:
        self.struck.append(Struck(step, time.time(), calls))
        self.tell(f"{step.blow} {how}, {calls} calls in progress")

    async def _hit(self, step: Step) -> Callable[[], Awaitable[None]]:
        """Strike; return what mends it."""
        stage = self.stage
        match step.blow:
            case Blow.KILL_DAEMON:
                await stage.kill_daemon()
                return stage.start_daemon
            case Blow.KILL_ASTERISK:
                await stage.kill_asterisk()
                return stage.start_asterisk
            case Blow.CUT_AMI:
                await self._mended(Blow.FREEZE_AMI)
                stage.relay.cut()
                return stage.relay.mend
            case Blow.FREEZE_AMI:
                await self._mended(Blow.CUT_AMI)
                stage.relay.freeze()
                return self._thaw
            case Blow.FILL_DISK:
                stage.fill_disk()
                return stage.free_disk

    async def _thaw(self) -> None:
        self.stage.relay.thaw()

    async def _mended(self, blow: Blow) -> None:
        mending = self.mending.pop(blow, None)
        if mending is not None:
            await mending

    async def give_up(self) -> None:
        """Leave nothing running."""
        for mending in self.mending.values():
            mending.cancel()
        await asyncio.gather(*self.mending.values(), return_exceptions=True)

    async def _mend_all(self) -> None:
        for blow in tuple(self.mending):
            await self._mended(Blow(blow))

    async def _finished(self, task_id: str, started: float) -> Row:
        async def ask() -> Row | None:
            return await self.crm.ask("GET", f"/task/{task_id}")

        remaining_s = max(1.0, END_TIMEOUT_S - (time.monotonic() - started))
        try:
            task = await wait_for_answer(
                ask, lambda task: task and task["state"] == "1", f"task {task_id} closed", remaining_s
            )
        except WaitTimeout:
            task = await ask()
            left = [row for row in (task or {}).get("results", ()) if row["result"] is None]
            raise WaitTimeout(
                f"task {task_id} not closed in {END_TIMEOUT_S:g} s, {len(left)} numbers left: {left[:3]}"
            ) from None
        assert task is not None
        return task

    async def _collect(self, tasks: dict[str, Row], prompts: tuple[str, ...]) -> Evidence:
        stage = self.stage
        await wait_for_answer(
            lambda: stage.pbx.rx("database show autodialer"), lambda shown: "0 results found" in shown, "AstDB is empty"
        )
        await stage.dialer.wait_health(lambda report: report["calls_in_progress"] == 0, "no channel slot in use")
        health = await stage.dialer.wait_health(lambda report: report["dialling"], "the dialer dials")
        await wait_for_answer(self.crm.fetch, bool, "the CRM has fetched the last results")
        exten = {task.crm_id: task for task in scenario.EXTEN_TASKS}
        return Evidence(
            tasks=[
                TaskEvidence(
                    task=task,
                    numbers=list(exten[crm_id].numbers if crm_id in exten else self.numbers),
                    talk=exten[crm_id].talk if crm_id in exten else None,
                    channels=scenario.EXTEN_CHANNELS if crm_id in exten else POLLED_CHANNELS,
                )
                for crm_id, task in tasks.items()
            ],
            crm=self.crm,
            stage=stage,
            prompts=prompts,
            health=health,
            struck=[(one.step.blow, one.at_s, one.calls) for one in self.struck],
            stored=collect_rows(stage.dialer.database),
            call_files=[path.name for path in stage.pbx.spool_dir.glob("dialer-*.call")],
        )


async def _after(delay_s: float, mend: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(delay_s)
    await mend()


def _task(crm_id: str, inner_num: str, kind: str, channels: int, numbers: list[str]) -> dict[str, Any]:
    return {
        "crmId": crm_id,
        "name": crm_id,
        "innerNum": inner_num,
        "innerNumType": kind,
        "maxCountChannels": channels,
        "numbers": numbers,
    }


@asynccontextmanager
async def running(side: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine beside the block; its failure is the block's."""
    task = asyncio.create_task(side)
    try:
        yield
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def chosen_seed() -> int:
    """CHAOS_SEED, or a new one."""
    return int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


async def run_chaos(workdir: Path, seed: int, rounds: int, tell: Tell) -> Findings:
    """One run on a stage of its own below `workdir`."""
    began = time.monotonic()

    def tell_when(text: str) -> None:
        tell(f"{time.strftime('%H:%M:%S')} {time.monotonic() - began:6.1f} s  {text}")

    tell_when(f"seed {seed}, {rounds} rounds, logs in {workdir}")
    async with running_stage(workdir) as stage:
        chaos = Chaos(stage, Crm(stage.dialer), seed, tell_when)
        try:
            findings = check(await chaos.run(rounds))
        finally:
            await chaos.give_up()
    tell_when("done")
    tell(f"seed {seed}\n{findings.report()}")
    return findings


def main() -> int:
    rounds = int(os.environ.get("CHAOS_ROUNDS") or DEFAULT_ROUNDS)
    workdir = Path(tempfile.mkdtemp(prefix="dialer-chaos-", dir="/tmp"))
    findings = asyncio.run(run_chaos(workdir, chosen_seed(), rounds, lambda text: print(text, flush=True)))
    if findings.broken:
        print(f"logs are kept in {workdir}")
        return 1
    shutil.rmtree(workdir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
