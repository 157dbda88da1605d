"""What /metrics and the log tell of real calls: exactly what became of them."""

import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.calls.asking import ONE_KEY, ask, connect
from tests.calls.conftest import SETTINGS
from tests.rig.numbers import make_number
from tests.rig.prometheus import Exposed, metrics_of
from tests.rig.waiting import wait_for_answer
from tests.rig.world import running_world

POLLED = [make_number(place, behaviour) for place, behaviour in enumerate(("11", "70", "12", "62", "75", "72"))]
CONNECTED = [make_number(50 + place, behaviour) for place, behaviour in enumerate(("62", "62", "71"))]
OF_EVERY_CALL = ["CreateCallFile", "afterDialOut"]


async def test_metrics_and_log_tell_exactly_what_became_of_the_calls() -> None:
    """A polling by one channel, an employee by two."""
    settings: dict[str, dict[str, Any]] = {**SETTINGS, "log": {"format": "json", "level": "DEBUG"}}
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with running_world(Path(folder), settings, program=None) as world:
            tasks = [
                await ask(world, ONE_KEY, POLLED, maxCountChannels=1),
                await connect(world, "201", CONNECTED, maxCountChannels=2),
            ]
            seen = await wait_for_answer(
                lambda: metrics_of(world.dialer), _all_is_over, "all is committed, forgotten and pinged", 15
            )
            world.pbx.kill()
            away = await wait_for_answer(
                lambda: metrics_of(world.dialer), lambda now: not now.total("autodialer_ami_ready"), "Asterisk is away"
            )
            await world.dialer.stop()
            log = [json.loads(line) for line in world.dialer.log_file.read_text().splitlines()]
    rows = [row for task in tasks for row in task["results"]]
    assert (away.total("autodialer_dialling"), away.total("autodialer_ami_unread_bytes")) == (0, 0)
    _check_calls(seen, rows)
    _check_latencies(seen, rows)
    for row in rows:
        _check_log([line for line in log if line.get("attempt_id") == int(row["id"])], row)
    assert not [line for line in log if any(row["phone"] in str(line) for row in rows)]


def _all_is_over(seen: Exposed) -> bool:
    left = seen.total("autodialer_calls_in_flight") + seen.total("autodialer_astdb_records_to_remove")
    return (
        left + seen.total("autodialer_agi_sessions_open") == 0 and seen.total("autodialer_ami_ping_seconds_count") > 0
    )


def _check_calls(seen: Exposed, rows: list[dict[str, Any]]) -> None:
    assert Counter(seen.counts("autodialer_calls_finished_total", "outcome")) == Counter(row["result"] for row in rows)
    assert {row["result"] for row in rows} >= {"SUCCESS_POLLING", "FAIL", "FAIL_PROVIDER", "SUCCESS_CLIENT_H"}
    of_kind = {"polling": len(POLLED), "exten": len(CONNECTED)}
    assert seen.counts("autodialer_calls_finished_total", "kind") == of_kind
    assert seen.counts("autodialer_attempts_begun_total", "kind") == of_kind
    assert seen.counts("autodialer_claims_total", "answer") == {"granted": len(rows)}
    assert seen.total("autodialer_attempts_given_back_total") == 0
    assert seen.counts("autodialer_tasks", "state") == {"closed": 2}
    assert (seen.total("autodialer_dialling"), seen.total("autodialer_ami_ready")) == (1, 1)


def _check_latencies(seen: Exposed, rows: list[dict[str, Any]]) -> None:
    dialogues = sum(row["result"] in ("SUCCESS_POLLING", "FAIL_POLLING") for row in rows)
    for name, labels, count in (
        ("autodialer_agi_reply_seconds", {"script": "claim"}, len(rows)),
        ("autodialer_agi_reply_seconds", {"script": "dialogue"}, dialogues),
        ("autodialer_agi_prompt_seconds", {"script": "dialogue"}, dialogues),
    ):
        assert seen.total(f"{name}_count", **labels) == count, name
        assert 0 < seen.total(f"{name}_sum", **labels) / count < 3, name
    refills = seen.total("autodialer_channel_refill_seconds_count")
    assert len(POLLED) - 1 <= refills <= len(rows) - 2  # an employee may be busy still when a channel gets free
    assert 0 < seen.total("autodialer_channel_refill_seconds_sum") / refills < 5
    # each call tells at least of one leg's end
    assert seen.total("autodialer_ami_messages_total", event="UserEvent") >= len(rows)
    assert seen.total("autodialer_ami_event_lag_seconds_count") >= len(rows)
    assert (
        0
        < seen.total("autodialer_ami_event_lag_seconds_sum") / seen.total("autodialer_ami_event_lag_seconds_count")
        < 2
    )
    assert 0 < seen.total("autodialer_ami_ping_seconds_sum") / seen.total("autodialer_ami_ping_seconds_count") < 2
    assert seen.total("autodialer_database_commit_seconds_count") > len(rows)
    assert seen.total("autodialer_tts_cache_lookups_total", result="hit") >= dialogues
    assert seen.total("autodialer_event_loop_lag_seconds_count") > 0


def _check_log(lines: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """One line a transition, in their order, each with the ids; the call's own from the leave to dial on."""
    states = defaultdict(list)
    for line in lines:
        assert line["task_id"] == int(row["taskId"]), line
        states[line["logger"]].append(line.get("state"))
        if line.get("state") not in ("CreateCallFile", None):
            assert line["linked_id"] == row["linkedId"], line
    calls = [line for line in lines if line["logger"] == "dialer.calls"]
    told = [line["state"] for line in calls]
    assert told[:2] == OF_EVERY_CALL
    assert told[-1] == row["state"]
    expected = {
        "SUCCESS_POLLING": ["EVENT_POLLING", "EVENT_POLLING_END"],
        "FAIL_POLLING": ["EVENT_POLLING"],
        "SUCCESS_CLIENT_H": ["startDial", "startDial"],
    }.get(row["result"], [])
    assert told[2:-1] == expected, row["result"]
    assert (calls[-1]["outcome"], calls[-1].get("cause")) == (row["result"], row["cause"])
    assert {line["number"] for line in calls} == {f"…{row['phone'][-4:]}"}
