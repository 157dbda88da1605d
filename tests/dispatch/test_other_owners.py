"""Tasks of the VotBox API that somebody at the PBX closes: they are over, as if their account had stopped them."""

from dialer.api.asterisk_cli.operator import Operator
from dialer.api.console.counting import Counting
from dialer.dispatch.meter import Meter
from dialer.dispatch.why import Explainer
from dialer.model.task import InnerNumType, TaskState
from dialer.store.finishing import fetch_half_ended
from dialer.store.scripts import save_script
from dialer.store.tasks import TaskChange, fetch_task
from tests.dispatch.test_scheduler import Bench, bench  # noqa: F401 - a fixture
from tests.store.making import numbers


async def votbox_task(bench: Bench) -> int:  # noqa: F811
    script_id = await bench.store.write(save_script("crm", "Долг", {}))
    change = TaskChange(
        inner_num=str(script_id), inner_num_type=InnerNumType.SCRIPT, numbers=numbers(3), owner="crm",
        state=TaskState.PAUSED,
    )  # fmt: skip
    return (await bench.desk.save(None, None, change)).task_id


def operator(bench: Bench) -> Operator:  # noqa: F811
    counting = Counting(bench.store, Meter())
    return Operator(bench.store, bench.desk, counting, Explainer(bench.store, bench.ledger, bench.scheduler))


async def state_of(bench: Bench, task_id: int) -> TaskState:  # noqa: F811
    task = await bench.store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    return task.state


async def test_the_cli_says_that_a_votbox_task_cannot_go_on_and_it_cannot(bench: Bench) -> None:  # noqa: F811
    cli, task_id = operator(bench), await votbox_task(bench)
    said = " ".join((await cli.answer(f"stop {task_id}")).split())
    assert said == (
        f"task {task_id}: closed; what waited has ended, calls in progress are the last. "
        "A task of the VotBox API cannot go on"
    )
    shown = await cli.answer(f"show task {task_id}")
    assert "0 waiting, 3 of 3 attempts are over" in shown
    assert "is over and cannot go on" in " ".join((await cli.answer(f"resume {task_id}")).split())
    assert await state_of(bench, task_id) is TaskState.CLOSED


async def test_nothing_that_waits_is_left_for_the_next_daemon_to_end(bench: Bench) -> None:  # noqa: F811
    task_id = await votbox_task(bench)
    change = TaskChange(name="Долги", state=TaskState.CLOSED, owner="crm")
    changed = await bench.desk.change(task_id, None, change)
    assert changed is not None
    assert (changed.name, changed.state) == ("Долги", TaskState.CLOSED)
    assert await bench.store.read(fetch_half_ended) == []
    assert await bench.desk.change(task_id, None, TaskChange(state=TaskState.CLOSED)) is None, "of another owner"
