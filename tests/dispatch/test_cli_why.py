"""`dialer why` at Asterisk's CLI: which task is meant, when ids and numbers are typed side by side."""

import pytest

from dialer.model.safe import phone_id_of
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.store.tasks import TaskChange
from tests.dispatch.test_other_owners import operator
from tests.dispatch.test_scheduler import Bench, bench  # noqa: F401 - a fixture


async def post(bench: Bench, crm_id: str, *phones: str) -> int:  # noqa: F811
    change = TaskChange(
        inner_num="201", inner_num_type=InnerNumType.EXTEN, state=TaskState.PAUSED,
        numbers=[Number(phone, phone_id_of(phone)) for phone in phones],
    )  # fmt: skip
    return (await bench.desk.save(crm_id or None, None, change)).task_id


async def why(bench: Bench, typed: str) -> str:  # noqa: F811
    return " ".join((await operator(bench).answer(f"why {typed}")).split())


@pytest.mark.parametrize("typed", ["1999999999 79161234567", "5 79161234567", "zakaz 79161234567"])
async def test_a_task_that_is_not_there_is_no_part_of_the_number_behind_it(bench: Bench, typed: str) -> None:  # noqa: F811
    await post(bench, "", "79161234567")
    assert await why(bench, typed) == f"there is no task {typed.split(maxsplit=1)[0]} Try: dialer help"


@pytest.mark.parametrize("typed", ["8 916 123-45-67", "+7 916 123 45 67", "79161234567", "8916 1234567"])
async def test_a_number_with_blanks_is_one_also_where_its_first_digit_is_a_task_s_id(
    bench: Bench,  # noqa: F811
    typed: str,
) -> None:
    await post(bench, "8", "79520000001")
    task_id = await post(bench, "", "79161234567")
    said = await why(bench, typed)
    assert said.startswith(f"task {task_id}: ") and "9161234567 waits, 0 before it" in said, said


async def test_a_task_that_lists_the_number_is_the_one_that_was_named(bench: Bench) -> None:  # noqa: F811
    task_id = await post(bench, "8", "89161234567")
    await post(bench, "", "79161234567")
    assert (await why(bench, "8 916 123-45-67")).startswith(f"task {task_id}: 9161234567 waits")
    assert (await why(bench, "8")).startswith(f"task {task_id}: ")


async def test_a_whole_number_behind_a_task_is_asked_of_that_task(bench: Bench) -> None:  # noqa: F811
    task_id = await post(bench, "8", "79520000001")
    await post(bench, "", "79161234567")
    said = await why(bench, "8 9161234567")
    assert (said.startswith(f"task {task_id}"), "not in the task's list" in said) == (True, True), said


async def test_a_number_that_no_task_lists_is_asked_of_the_task_that_is_named(bench: Bench) -> None:  # noqa: F811
    task_id = await post(bench, "8", "79520000001")
    said = await why(bench, "8 916 123-45-67")
    assert (said.startswith(f"task {task_id}"), "9161234567" in said, "not in the task's list" in said) == (
        True,
        True,
        True,
    ), said
