"""notifyUrl, /webhooks and `dialer webhooks`: what the administrator and the CRM see of the outbox."""

from collections.abc import AsyncIterator

import pytest_asyncio

from dialer.model.webhook import shown_url
from dialer.store.attempts import save_result
from dialer.store.database import Store
from dialer.store.queue import fetch_new
from tests.api.asking import TASKS, ask, bearer, command, run_command
from tests.api.conftest import running_dialer
from tests.rig.daemon import BASE, Dialer
from tests.rig.receiver import SECRET, Receiver, receiving
from tests.rig.waiting import wait_for_answer, wait_until
from tests.store.making import first_order, lost, url_of

TASK = {"innerNum": "201", "numbers": ["79522233446"], "state": 2}
SETTINGS = {"webhooks": {"secret": SECRET, "allow": ["127.0.0.0/8"]}}


@pytest_asyncio.fixture
async def dialer() -> AsyncIterator[Dialer]:
    async with running_dialer(SETTINGS) as daemon:
        yield daemon


async def end_a_number(dialer: Dialer, url: str) -> str:
    """Give a number its result, as another process can while the daemon does not dial; the task's id."""
    task_id: str = (await dialer.data("POST", "/task", {**TASK, "notifyUrl": url}))["id"]
    store = await Store.open(url_of(dialer.database), beside_daemon=True)
    try:
        assert await store.read(lambda connection: fetch_new(connection, int(task_id), "", 0, 1))
        await store.write(save_result(lost(await first_order(store, int(task_id)))))
    finally:
        await store.close()
    return task_id


async def test_the_field_is_kept_shown_and_taken_away(dialer: Dialer) -> None:
    url = "https://crm.example/hook?token=1"
    task = await dialer.data("POST", "/task", {**TASK, "notifyUrl": url})
    assert task["notifyUrl"] == url
    await dialer.data("PUT", f"/task/{task['id']}", {"name": "other"})
    assert (await dialer.data("GET", f"/task/{task['id']}"))["notifyUrl"] == url
    await dialer.data("PUT", f"/task/{task['id']}", {"notifyUrl": ""})
    assert "notifyUrl" not in await dialer.data("GET", f"/task/{task['id']}")


async def test_an_address_that_is_none_is_refused_by_field(dialer: Dialer) -> None:
    for url in ("crm.example", "http://user:secret@crm.example/", "ftp://crm.example/", "http://crm.example/\n", 7):
        reply = await dialer.call("POST", "/task", {**TASK, "notifyUrl": url})
        assert reply["result"] is False
        assert reply["messages"][0].startswith("notifyUrl: ")
    assert (await dialer.data("GET", "/task"))["results"] == []


async def test_without_a_secret_nothing_is_promised() -> None:
    async with running_dialer() as daemon:
        reply = await daemon.call("POST", "/task", {**TASK, "notifyUrl": "http://crm.example/"})
        assert reply["data"] == {"error": "WebhooksNotConfigured"}
        assert "[webhooks] secret" in reply["messages"][0]
        assert (await daemon.health())["webhooks"] is None
        assert (await daemon.data("GET", "/task"))["results"] == []


async def test_what_waits_is_listed_delivered_and_counted(dialer: Dialer) -> None:
    async with receiving(Receiver(status=503)) as receiver:
        task_id = await end_a_number(dialer, receiver.url)
        await dialer.kill()
        await dialer.start()
        report = await dialer.wait_health(lambda health: health["webhooks"]["resting"], "the receiver rests")
        (resting,) = report["webhooks"]["resting"]
        assert "token" not in resting
        listed = await wait_for_answer(
            lambda: dialer.data("GET", "/webhooks?state=waiting"),
            lambda page: page["results"][0]["lastError"],
            "the failure is stored",
        )
        assert (listed["waiting"], listed["dead"]) == ("1", "0")
        (one,) = listed["results"]
        assert (one["type"], one["taskId"], one["lastError"]) == ("result", task_id, "HTTP 503")
        assert "token" not in one["url"]
        printed = command(dialer, "webhooks", "list")
        assert printed.splitlines()[0] == "1 wait, 0 given up"
        assert one["eventId"] in printed
        receiver.status = 200
        await wait_until(lambda: receiver.taken, "it is delivered", timeout_s=20)
        assert receiver.taken[0]["id"] == one["eventId"]
        await dialer.wait_health(
            lambda health: (
                health["webhooks"] == {"delivered": 1, "waiting": 0, "dead": 0, "resting": {}, "refusing": {}}
            ),
            "it is counted",
        )


async def test_what_was_given_up_is_replayed_by_command(dialer: Dialer) -> None:
    async with receiving(Receiver(status=410)) as receiver:
        await end_a_number(dialer, receiver.url)
        await dialer.kill()
        await dialer.start()
        await dialer.wait_health(lambda health: health["webhooks"]["dead"] == 1, "it is given up")
        (one,) = (await dialer.data("GET", "/webhooks?state=dead"))["results"]
        assert one["eventId"] in command(dialer, "webhooks", "list", "--dead")
        receiver.status = 200
        assert command(dialer, "webhooks", "replay", one["eventId"]) == "1 event waits again\n"
        await wait_until(lambda: receiver.taken, "it is delivered")
        assert command(dialer, "webhooks", "replay", "--all") == "0 events wait again\n"
        assert SECRET not in dialer.log_file.read_text()
        assert "token" not in dialer.log_file.read_text()
        assert f"{receiver.port}/hook" not in dialer.log_file.read_text()


async def test_who_may_only_look_does_not_see_what_may_be_a_secret(dialer: Dialer) -> None:
    url = "https://crm.example/rest/1/secret/"
    task_id = (await dialer.data("POST", "/task", {**TASK, "notifyUrl": url}))["id"]
    shown = {}
    for role in ("read-only", "operator"):
        headers = bearer(command(dialer, "apikey", "add", role, "--role", role).strip(), None)
        one = (await ask(dialer, "GET", f"{TASKS}/{task_id}", headers=headers)).json["data"]
        (listed,) = (await ask(dialer, "GET", TASKS, headers=headers)).json["data"]["results"]
        assert one["notifyUrl"] == listed["notifyUrl"]
        shown[role] = one["notifyUrl"]
    assert shown == {"read-only": shown_url(url), "operator": url}


async def test_a_replay_that_is_repeated_answers_as_before(dialer: Dialer) -> None:
    async with receiving(Receiver(status=410)) as receiver:
        await end_a_number(dialer, receiver.url)
        await dialer.kill()
        await dialer.start()
        await dialer.wait_health(lambda health: health["webhooks"]["dead"] == 1, "it is given up")
        for _ in range(2):
            headers = {"Idempotency-Key": "k"}
            reply = await ask(dialer, "POST", f"{BASE}/webhooks/replay", headers=headers, json={"all": True})
            assert reply.json["data"] == {"replayed": "1"}
            await dialer.wait_health(lambda health: health["webhooks"]["dead"] == 1, "it is given up again")
        assert len(receiver.deliveries) == 2


async def test_a_replay_says_which(dialer: Dialer) -> None:
    for body in ({}, {"ids": ["a"], "all": True}, {"ids": "a"}, {"all": 1}, {"ids": [7]}):
        reply = await dialer.call("POST", "/webhooks/replay", body)
        assert reply["result"] is False
        assert reply["messages"][0].startswith(("ids", "all"))
    assert command(dialer, "webhooks", "new-secret").startswith('secret = "whsec_')


async def test_a_replay_of_nothing_is_an_error_of_the_command(dialer: Dialer) -> None:
    asked = run_command(dialer, "webhooks", "replay", "result-1-nope")
    assert (asked.returncode, "none of these events was given up" in asked.stderr) == (1, True)


async def test_the_command_says_what_is_wrong_with_its_key(dialer: Dialer) -> None:
    key = command(dialer, "apikey", "add", "reader", "--role", "read-only").strip()
    for used, said in ((key, "The role operator is needed."), ("junk", "does not accept the key")):
        asked = run_command(dialer, "webhooks", "replay", "--all", key=used)
        assert (asked.returncode, said in asked.stderr) == (77, True), asked.stderr
