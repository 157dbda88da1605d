"""`make demo`: the main job on real parts. Exit code 0 only when every result is what the behaviour gives."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.rig.expected import POLLING, expected_of
from tests.rig.numbers import behaviour_of, make_number
from tests.rig.world import World, running_world

CHANNELS = 10
RING_TIMEOUT_S = 10
TIMEOUT_S = 180
BEHAVIOURS = (
    *("11", "12", "13", "14", "15", "21", "22", "23", "24", "25", "11", "12", "13", "14", "15", "25", "24"),
    *("61", "62", "63", "66", "67", "68", "68"),
    *("70", "70", "70", "71", "71", "72", "72", "73", "73", "74", "75", "75", "76", "77", "79", "80"),
)


def demo_numbers() -> list[str]:
    """Forty subscribers; what each does is in its last two digits."""
    return [make_number(series, behaviour) for series, behaviour in enumerate(BEHAVIOURS, start=1)]


def finished(task: dict[str, Any]) -> int:
    return sum(row["result"] is not None for row in task["results"])


def counters(task: dict[str, Any]) -> str:
    counts = Counter(
        row["result"] or ("waiting" if row["state"] == "CreateTask" else "calling") for row in task["results"]
    )
    return "  ".join(f"{name} {count}" for name, count in sorted(counts.items()))


async def watch(world: World, task_id: str, total: int, console: Console) -> dict[str, Any]:
    """Show the progress until the engine closes the task: a live bar, or plain lines where there is no terminal."""
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("dialling", total=total)
        shown = -1
        while True:
            task: dict[str, Any] = await world.dialer.data("GET", f"/task/{task_id}")
            done = finished(task)
            progress.update(bar, completed=done, description=counters(task))
            if not console.is_terminal and done // 5 != shown:
                shown = done // 5
                console.print(f"{time.monotonic() - started:5.1f} s  {done}/{total}  {counters(task)}", highlight=False)
            if task["state"] == "1":
                return task
            if time.monotonic() - started > TIMEOUT_S:
                raise TimeoutError(f"task {task_id} not finished in {TIMEOUT_S} s\n{world.dialer.log_tail()}")
            await asyncio.sleep(0.25)


def answers_by_phone(task: dict[str, Any]) -> dict[str, list[tuple[str, str, str]]]:
    answers: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in task["resultsPoling"]:
        answers[row["phone"]].append((row["questionCrmId"], row["result"], row["exten"]))
    return answers


def show(task: dict[str, Any], console: Console) -> None:
    """A row a number, then the answers a question."""
    answers = answers_by_phone(task)
    table = Table("number", "the subscriber", "result", "cause", "answers", title="Results")
    for row in task["results"]:
        given = ", ".join(f"{question}: {result}" for question, result, _ in answers[row["phone"]])
        table.add_row(row["phone"], str(behaviour_of(row["phone"])), row["result"], row["cause"] or "", given)
    console.print(table)
    votes = Table("question", "answer", "times", title="Answers")
    counts = Counter((question, result) for given in answers.values() for question, result, _ in given)
    texts = {question["questionId"]: question["questionText"] for question in POLLING["questions"]}  # type: ignore[index]
    for (question, result), count in sorted(counts.items()):
        votes.add_row(f"{question}. {texts[question]}", result, str(count))
    console.print(votes)


def differences(task: dict[str, Any], dialled: Counter[str], numbers: list[str]) -> list[str]:
    """Every number whose result, answers or number of calls is not what its behaviour must give."""
    answers = answers_by_phone(task)
    rows = {row["phone"]: row for row in task["results"]}
    found = [f"{len(task['results'])} rows for {len(numbers)} numbers"] if len(rows) != len(numbers) else []
    for number in numbers:
        expected, row = expected_of(number), rows.get(number, {})
        got = (row.get("result"), row.get("cause"), tuple(answers[number]))
        if got != (expected.result, expected.cause, expected.answers):
            found.append(f"{number}: {got} instead of {expected}")
        if dialled[number] != 1:
            found.append(f"{number}: the provider saw {dialled[number]} calls")
    return found


async def demo(workdir: Path, console: Console) -> bool:
    numbers = demo_numbers()
    console.print("Starting Asterisk, subscribers and the dialer …")
    async with running_world(workdir, {"dialing": {"ring_timeout_s": RING_TIMEOUT_S}}) as world:
        console.print(f"The console: {world.dialer.url}/", style="bold", highlight=False)
        console.print(f"The dialer serves REST at {world.dialer.url}, its log is {world.dialer.log_file}")
        polling = await world.dialer.data("POST", "/polling", POLLING)
        task = await world.dialer.data(
            "POST",
            "/task",
            {
                "name": "make demo",
                "innerNum": polling["id"],
                "innerNumType": "polling",
                "maxCountChannels": CHANNELS,
                "numbers": [{"number": number} for number in numbers],
            },
        )
        console.print(f"Task {task['id']}: {len(numbers)} numbers, {CHANNELS} channels, polling {polling['id']}")
        done = await watch(world, task["id"], len(numbers), console)
        show(done, console)
        wrong = differences(done, world.provider.invites(), numbers)
        tell(wrong, len(numbers), console)
        if os.environ.get("DEMO_STAY") == "1":
            await stay(world, console)
    return not wrong


def tell(wrong: list[str], total: int, console: Console) -> None:
    for line in wrong:
        console.print(line, style="red", highlight=False)
    console.print(
        f"Every result is what that subscriber's behaviour must give, each number was dialled exactly once: "
        f"{'no, see above' if wrong else f'yes, {total} of {total}'}",
        style="bold red" if wrong else "bold green",
        highlight=False,
    )


async def stay(world: World, console: Console) -> None:
    """Until Ctrl-C: the console is there, and subscribers answer further tasks."""
    console.print(f"The console stays at {world.dialer.url}/ until Ctrl-C")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)
    await ended.wait()


def main() -> int:
    console = Console(width=None if sys.stdout.isatty() else 150)
    workdir = Path(tempfile.mkdtemp(prefix="dialer-demo-", dir="/tmp"))
    try:
        good = asyncio.run(demo(workdir, console))
    except KeyboardInterrupt:
        return 130
    if good:
        shutil.rmtree(workdir)
    else:
        console.print(f"Logs are kept in {workdir}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
