"""Scripts, and numbers as other facades know them; what belongs to one owner is not another's. Real SQLite files."""

from typing import Any

import pytest

from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType, Number, TaskState
from dialer.model.verdict import Verdict
from dialer.store import items, scripts
from dialer.store.attempts import claim_attempt, mark_spooled, save_answer, save_result
from dialer.store.audio import fetch_audio, fetch_known, find_audio, save_audio
from dialer.store.database import Store
from dialer.store.queue import fetch_due, fetch_new
from dialer.store.results import fetch_answers_since
from dialer.store.scripts import Script
from dialer.store.tasks import TaskChange, TaskRefusedError, fetch_task, fetch_tasks, fetch_tasks_of_script, save_task
from tests.store.making import fetch_results_since, new_task

LATER_US = 2**62
BUSY = Verdict(Outcome.FAIL, "SIP 486 Busy Here")
RETRIED = {"max_attempts": 3, "try_interval_s": 60}
RECORDING, MESSAGE = "talk-1-0123456789abcdef.wav", "answer-1-0123456789abcdef.wav"


async def new_script(store: Store, owner: str = "shop", *, listed: bool = True) -> int:
    return await store.write(scripts.save_script(owner, "Скидки", {"greeting": None}, listed=listed))


async def post(store: Store, owner: str = "shop", count: int = 2, script_id: int | None = None) -> int:
    numbers = [Number(f"7952{place:07d}", f"952{place:07d}", {"client": f"к-{place}"}) for place in range(count)]
    reference = str(await new_script(store, owner) if script_id is None else script_id)
    change = TaskChange(
        inner_num=reference, inner_num_type=InnerNumType.SCRIPT, numbers=numbers, rules=RETRIED, owner=owner
    )
    return (await store.write(save_task(None, None, change))).task_id


async def ready(store: Store, task_id: int) -> list[CallOrder]:
    def read(connection: Any) -> list[CallOrder]:
        found = [*fetch_new(connection, task_id, "", 0, 100), *fetch_due(connection, task_id, "", LATER_US, 100)]
        return [CallOrder(row.attempt_id, task_id, row.phone, "", "1", InnerNumType.SCRIPT) for row in found]

    return await store.read(read)


async def call(store: Store, order: CallOrder, verdict: Verdict = BUSY, recording: str | None = None) -> None:
    await store.write(mark_spooled(order))
    assert await store.write(claim_attempt(order.attempt_id, "rig-1", "[C-1]", now_us=LATER_US))
    closed = Attempt(order.attempt_id, order.task_id, InnerNumType.SCRIPT, AttemptState.POLLING, verdict=verdict)
    await store.write(save_result(closed, recording))


async def test_a_script_is_its_owners_only(store: Store) -> None:
    mine, others = await new_script(store, "shop"), await new_script(store, "bank")
    hidden = await new_script(store, "shop", listed=False)

    def found(reference: str, owner: str) -> Any:
        return store.read(lambda connection: scripts.find_script(connection, reference, owner))

    assert await found(str(mine), "shop") == Script(mine, "shop", "Скидки", {"greeting": None})
    assert await found(str(hidden), "shop") is not None
    for owner in ("bank", "", "Shop"):
        assert await found(str(mine), owner) is None
    listed = await store.read(lambda connection: scripts.fetch_scripts(connection, "shop"))
    assert [one.script_id for one in listed] == [mine]
    assert (await store.read(lambda connection: scripts.fetch_script(connection, others))).owner == "bank"  # type: ignore[union-attr]
    assert await store.read(lambda connection: scripts.fetch_script(connection, 999)) is None


@pytest.mark.parametrize("reference", ["", "x", "-1", "1.0", " 1", "١", "9" * 19])
async def test_what_is_no_id_finds_no_script(store: Store, reference: str) -> None:
    await new_script(store)
    assert await store.read(lambda connection: scripts.find_script(connection, reference, "shop")) is None


async def test_a_script_is_changed_in_its_place(store: Store) -> None:
    first, second = await new_script(store), await new_script(store)
    await store.write(scripts.change_script(first, lambda content: {**content, "greeting": "новое"}))
    both = await store.read(lambda connection: scripts.fetch_scripts(connection, "shop"))
    assert [(one.script_id, one.name, one.content) for one in both] == [
        (first, "Скидки", {"greeting": "новое"}), (second, "Скидки", {"greeting": None}),
    ]  # fmt: skip


async def test_a_task_needs_a_script_of_its_owner(store: Store) -> None:
    script_id = await new_script(store, "bank")
    with pytest.raises(TaskRefusedError, match="there is no script"):
        await post(store, "shop", script_id=script_id)
    with pytest.raises(TaskRefusedError, match="there is no script"):
        await post(store, "bank", script_id=999)
    task_id = await post(store, "bank", script_id=script_id)
    task = await store.read(lambda connection: fetch_task(connection, task_id))
    assert task is not None
    assert (task.owner, task.inner_num, task.inner_num_type) == ("bank", str(script_id), InnerNumType.SCRIPT)


async def test_the_tasks_of_a_script_are_those_that_are_not_closed(store: Store) -> None:
    script_id = await new_script(store)
    first, second, third = [await post(store, script_id=script_id) for _ in range(3)]
    await post(store)
    for task_id, state in ((second, TaskState.CLOSED), (third, TaskState.PAUSED)):
        await store.write(save_task(None, task_id, TaskChange(state=state, owner="shop")))
    found = await store.read(lambda connection: fetch_tasks_of_script(connection, script_id))
    assert [one.task_id for one in found] == [first, third]


async def test_each_owner_sees_its_own_tasks(store: Store) -> None:
    pbx, shop, bank = await new_task(store), await post(store, "shop"), await post(store, "bank")

    def seen(owner: str) -> Any:
        return store.read(lambda connection: [one.task_id for one in fetch_tasks(connection, None, 0, 9, owner=owner)])

    assert [await seen(owner) for owner in ("", "shop", "bank", "nobody")] == [[pbx], [shop], [bank], []]
    assert await store.read(lambda connection: [one.task_id for one in fetch_tasks(connection, None, 0, 9)]) == [pbx]


async def test_results_and_answers_of_other_owners_are_no_news_for_the_pbxs_crm(store: Store) -> None:
    own, others = await new_task(store), await post(store)
    (mine,) = await ready(store, own)
    theirs = (await ready(store, others))[0]
    for order in (mine, theirs):
        await store.write(save_answer(order.attempt_id, 7, "1", order.phone, "1"))
        await call(store, order)
    found = await store.read(lambda connection: fetch_results_since(connection, 0, 1_000_000))
    answers = await store.read(lambda connection: fetch_answers_since(connection, 0, 1_000_000))
    assert ({row.task_id for row in found}, {row.task_id for row in answers}) == ({own}, {own})


async def test_pages_of_results_are_full_however_many_rows_of_others_lie_between(store: Store) -> None:
    own, others = await new_task(store, 30), await post(store, count=30)
    for mine, theirs in zip(await ready(store, own), await ready(store, others), strict=True):
        await call(store, theirs)
        await call(store, mine)
    page = await store.read(lambda connection: fetch_results_since(connection, 0, 1, 10))
    assert [row.task_id for row in page[:10]] == [own] * 10


async def test_the_list_of_sounds_has_those_of_no_other_owner(store: Store) -> None:
    await store.write(save_audio("own.mp3", 1))
    await store.write(save_audio("shop|1", 2, "shop"))
    await store.write(save_audio("shop|1", 3))
    assert [one.name for one in await store.read(fetch_audio)] == ["own.mp3"]
    known = await store.read(lambda connection: fetch_known(connection, ["own.mp3", "shop|1", "shop|2"]))
    assert known == {"own.mp3", "shop|1"}
    found = await store.read(lambda connection: find_audio(connection, "shop|1"))
    assert found is not None
    assert found.size_bytes == 3


async def test_a_number_is_known_by_its_first_attempt_and_shown_by_its_latest(store: Store) -> None:
    task_id = await post(store, count=3)
    first, second, third = await ready(store, task_id)
    await call(store, first)
    await call(store, first_again := (await ready(store, task_id))[-1])
    await call(store, second, Verdict(Outcome.SUCCESS_POLLING))
    assert first_again.phone == first.phone
    found = await store.read(lambda connection: items.fetch_items(connection, task_id, 0, 10))
    assert [(row.item_id, row.phone, row.attempt_number, row.result) for row in found] == [
        (first.attempt_id, first.phone, 3, None),
        (second.attempt_id, second.phone, 1, "SUCCESS_POLLING"),
        (third.attempt_id, third.phone, 1, None),
    ]
    pages = [await store.read(lambda c, at=at: items.fetch_items(c, task_id, at, 2)) for at in (0, 2, 4)]  # type: ignore[misc]
    assert [[row.item_id for row in page] for page in pages] == [
        [first.attempt_id, second.attempt_id], [third.attempt_id], [],
    ]  # fmt: skip
    tries = await store.read(lambda connection: items.fetch_attempts(connection, first.attempt_id))
    assert [(row.attempt_number, row.result) for row in tries] == [(1, "FAIL"), (2, "FAIL"), (3, None)]
    assert await store.read(lambda connection: items.count_unfinished(connection, task_id)) == 2


async def test_a_list_that_was_just_posted_is_read_with_what_it_said(store: Store) -> None:
    task_id = await post(store)
    found = await store.read(lambda connection: items.fetch_new_items(connection, task_id))
    assert [(row.phone, row.params) for row in found] == [
        ("79520000000", {"client": "к-0"}), ("79520000001", {"client": "к-1"}),
    ]  # fmt: skip


async def test_numbers_and_their_open_attempts_are_found_by_the_thousand_in_their_task_only(store: Store) -> None:
    task_id, other = await post(store, count=items.BATCH + 3), await post(store, count=2)
    orders = await store.read(lambda connection: fetch_new(connection, task_id, "", 0, 9999))
    (of_other, _) = await ready(store, other)
    phone_ids = [*(one.phone_id for one in orders), "none"]
    by_phone = await store.read(lambda connection: items.fetch_items_of(connection, task_id, phone_ids))
    assert by_phone == {one.phone_id: one.attempt_id for one in orders}
    await call(store, (await ready(store, task_id))[0])  # tried again
    last = await store.read(lambda connection: fetch_new(connection, task_id, "", orders[-2].attempt_id, 1))
    await call(store, CallOrder(last[0].attempt_id, task_id, last[0].phone, "", "1", InnerNumType.SCRIPT),
               Verdict(Outcome.SUCCESS_POLLING))  # fmt: skip
    wanted = [*by_phone.values(), of_other.attempt_id, 10**9]
    found = await store.read(lambda connection: items.fetch_open_attempts(connection, task_id, wanted))
    assert set(found) == set(by_phone.values()) - {last[0].attempt_id}
    first = orders[0].attempt_id
    assert found[first] not in by_phone.values(), "its second attempt"
    assert all(item_id == attempt_id for item_id, attempt_id in found.items() if item_id != first)


async def test_a_number_and_its_recordings_are_found_by_its_owner_only(store: Store) -> None:
    task_id = await post(store)
    order, _ = await ready(store, task_id)
    await store.write(save_answer(order.attempt_id, 1, "message", MESSAGE, ""))
    await call(store, order, recording=RECORDING)

    def item(item_id: int, owner: str) -> Any:
        return store.read(lambda connection: items.find_item(connection, item_id, owner))

    def recorded(attempt_id: int, name: str, owner: str) -> Any:
        return store.read(lambda connection: items.is_recorded(connection, attempt_id, name, owner))

    found = await item(order.attempt_id, "shop")
    assert (found.item_id, found.attempt_number) == (order.attempt_id, 2)
    assert await item(found.id, "shop") is None, "the id of a later attempt is none of a number"
    for name in (RECORDING, MESSAGE):
        assert await recorded(order.attempt_id, name, "shop")
        assert not await recorded(order.attempt_id + 1, name, "shop")
        for owner in ("bank", ""):
            assert not await recorded(order.attempt_id, name, owner)
            assert await item(order.attempt_id, owner) is None
    assert not await recorded(order.attempt_id, "talk-1-0123456789abcdee.wav", "shop")


async def test_what_was_pressed_and_said_is_told_by_attempt_in_order(store: Store) -> None:
    order, other = await ready(store, await post(store))
    for one, value in ((order, "a"), (other, "b"), (order, "c")):
        await store.write(save_answer(one.attempt_id, 1, "menu", value, "1"))
    found = await store.read(lambda connection: items.fetch_answers_of(connection, [order.attempt_id]))
    assert [row.result for row in found] == ["a", "c"]
