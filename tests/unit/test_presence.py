"""Who is free: the rules, and Presence on the answers and events of a real Asterisk 22, replayed."""

from collections.abc import Mapping
from typing import Any

import pytest

from dialer.model.employees import Staff
from dialer.model.presence import Member, employee_obstacle, is_member_free
from dialer.pbx.ami import AmiRefusedError
from dialer.pbx.presence import Presence

NOT_IDLE = (-1, 1, 2, 4, 8, 9, 16)  # removed, in use, busy, unavailable, ringing, in use and ringing, on hold


@pytest.mark.parametrize("hint", NOT_IDLE)
def test_only_exactly_idle_is_free(hint: int) -> None:
    assert employee_obstacle([hint], "")
    assert employee_obstacle([0, hint], "")
    assert employee_obstacle([0], "") is None


def test_an_employee_who_is_not_free_has_a_reason() -> None:
    told = {employee_obstacle([hint], "") for hint in NOT_IDLE}
    assert told == {
        f"the hint says {what}"
        for what in ("unknown", "in use", "busy", "unavailable", "ringing", "in use and ringing", "on hold")
    }
    assert employee_obstacle([1], "2") == "away (UserBuddyStatus 2)"


@pytest.mark.parametrize(("status", "free"), [("", True), ("0", True), ("1", False), ("2", False), ("away", False)])
def test_a_status_that_is_present_and_not_0_is_away(status: str, free: bool) -> None:
    assert (employee_obstacle([0], status) is None) is free
    assert (employee_obstacle([], status) is None) is free
    assert is_member_free(Member("PJSIP/201", 1, False), status) is free


@pytest.mark.parametrize(
    ("state", "paused", "free"),
    [(1, False, True), (1, True, False), (0, False, True), (2, False, False), (5, False, False), (6, False, False)],
)
def test_a_member_is_free_when_not_on_a_call_and_not_paused(state: int, paused: bool, free: bool) -> None:
    assert is_member_free(Member("PJSIP/201", state, paused), "") is free


@pytest.mark.parametrize(
    ("interface", "employee"),
    [("PJSIP/201", "201"), ("Local/201@internal/n", "201"), ("SIP/201-1", "201"), ("PJSIP/anna", ""), ("Agent", "")],
)
def test_a_member_s_employee_is_the_number_of_its_interface(interface: str, employee: str) -> None:
    assert Member(interface, 1, False).employee == employee


def hint_event(exten: str, context: str, state: int) -> dict[str, str]:
    devices = f"PJSIP/{exten}" if context != "elsewhere" else "PJSIP/other"
    return {"Event": "ExtensionStatus", "Exten": exten, "Context": context, "Status": str(state), "Hint": devices}


class Asterisk:
    """Answers of AMI actions, as observed. (What a real one says and when: tests/calls/test_presence.py.)"""

    def __init__(self) -> None:
        self.hints: list[tuple[str, str, int]] = []
        self.dialplan: dict[str, list[tuple[str, str]]] = {}
        self.members: list[tuple[str, str, int]] = []
        self.statuses: dict[str, str] = {}
        self.refuses: str | None = None
        self.missing: set[str] = set()

    async def action(self, fields: Mapping[str, str], timeout_s: float = 10.0) -> list[dict[str, str]]:
        if self.refuses is not None:
            raise AmiRefusedError(f"{fields['Action']}: {self.refuses}")
        match fields["Action"]:
            case "Getvar":
                exten = fields["Variable"].removeprefix("DIALPLAN_EXISTS(internal,").removesuffix(",1)")
                return [{"Response": "Success", "Value": str(int(exten not in self.missing))}]
            case "ExtensionState":
                hints = [h for h in self.hints if h[:2] == (fields["Exten"], fields["Context"])]
                return [{"Response": "Success", "Hint": f"PJSIP/{fields['Exten']}" if hints else ""}]
            case "ShowDialPlan":
                place = f"{fields['Extension']}@{fields['Context']}".removesuffix("@internal")
                if place not in self.dialplan:
                    raise AmiRefusedError("ShowDialPlan: Did not find extension")
                steps = self.dialplan[place]
                items: list[dict[str, str]] = [
                    {"Event": "ListDialplan", "Application": name, "AppData": data} for name, data in steps
                ]
            case "ExtensionStateList":
                items = [hint_event(exten, context, state) for exten, context, state in self.hints]
            case "QueueStatus":
                items = [{"Event": "QueueParams", "Queue": queue} for queue, _, _ in self.members]
                items += [
                    {"Event": "QueueMember", "Queue": queue, "Location": interface, "Status": str(state), "Paused": "0"}
                    for queue, interface, state in self.members
                ]
            case "DBGetTree":
                items = [
                    {"Event": "DBGetTreeResponse", "Key": f"/UserBuddyStatus/{key}", "Val": value}
                    for key, value in self.statuses.items()
                ]
            case other:
                raise AssertionError(other)
        return [{"Response": "Success"}, *items, {"Event": "ListComplete", "EventList": "Complete"}]


async def presence_of(asterisk: Any, *asked: str) -> tuple[Presence, list[str]]:
    presence = Presence(asterisk, "internal")
    freed: list[str] = []
    presence.on_free = freed.append
    assert not any(presence.is_free(inner_num) for inner_num in asked)  # not looked at yet
    await presence.refresh()
    return presence, freed


async def test_hints_of_another_context_than_the_employees_own_count() -> None:
    asterisk = Asterisk()  # MikoPBX keeps them in internal-hints
    asterisk.hints = [("201", "internal-hints", 0), ("202", "internal-hints", 1)]
    presence, freed = await presence_of(asterisk, "201", "202")
    assert (presence.is_free("201"), presence.is_free("202"), freed) == (True, False, ["201"])
    presence.hear(hint_event("202", "internal-hints", 0))
    presence.hear(hint_event("201", "internal-hints", 8))
    assert (presence.is_free("201"), presence.is_free("202"), freed) == (False, True, ["201", "202"])


async def test_a_hint_of_the_same_number_that_belongs_to_another_telephone_does_not_count() -> None:
    asterisk = Asterisk()
    asterisk.hints = [("201", "internal", 0), ("201", "elsewhere", 4)]
    presence, _ = await presence_of(asterisk, "201")
    assert presence.is_free("201")
    presence.hear(hint_event("201", "elsewhere", 1))
    assert presence.is_free("201")
    presence.hear(hint_event("201", "internal", 1))
    assert not presence.is_free("201")


async def test_an_employee_with_an_overflow_queue_is_an_employee() -> None:
    asterisk = Asterisk()
    asterisk.hints = [("201", "internal", 1), ("202", "internal", 0)]
    asterisk.dialplan = {number: [("Dial", "PJSIP/x,15"), ("Queue", "support")] for number in ("201", "202")}
    asterisk.members = [("support", "PJSIP/203", 6)]
    presence, _ = await presence_of(asterisk, "201", "202")
    assert (presence.is_free("201"), presence.is_free("202")) == (False, True)


async def test_a_queue_is_found_behind_gotos() -> None:
    asterisk = Asterisk()
    asterisk.dialplan = {
        "600": [("Goto", "queues,300,1")],
        "300@queues": [("Answer", ""), ("goto", "301,1")],
        "301@queues": [("queue", "support")],
        "700": [("Goto", "700,1")],
        "701": [("Goto", "somewhere")],
        "702": [("Goto", "${WHERE},1,1")],
    }
    asterisk.members = [("support", "PJSIP/203", 6)]
    presence, _ = await presence_of(asterisk, "600", "700", "701", "702")
    assert not presence.is_free("600")
    assert [presence.is_free(number) for number in ("700", "701", "702")] == [True, True, True]


async def test_what_asterisk_refuses_to_tell_is_not_taken_for_nobody_there() -> None:
    asterisk = Asterisk()
    asterisk.hints = [("201", "internal", 1)]
    presence, freed = await presence_of(asterisk, "201")
    asterisk.refuses = "Asterisk is shutting down"
    with pytest.raises(AmiRefusedError):
        await presence.refresh()
    assert not presence.is_free("201")
    presence.look_again()
    with pytest.raises(AmiRefusedError):
        await presence.refresh()
    assert (presence.is_free("201"), freed) == (False, [])


async def test_after_a_reconnect_nobody_is_free_until_looked_at() -> None:
    asterisk = Asterisk()
    presence, freed = await presence_of(asterisk, "201")
    presence.look_again()
    assert not presence.is_free("201")
    await presence.refresh()
    assert (presence.is_free("201"), freed) == (True, ["201", "201"])


async def test_a_queue_is_found_by_its_extension_or_by_its_name() -> None:
    asterisk = Asterisk()
    asterisk.dialplan = {
        "300": [("NoOp", ""), ("Queue", "support,kT,,,20")],
        "400": [("Queue", "${WHICH}")],
        "500": [("Answer", ""), ("Playback", "hello")],
    }
    asterisk.members = [("support", "PJSIP/201", 6), ("support", "PJSIP/202", 1), ("400", "PJSIP/203", 2)]
    presence, _ = await presence_of(asterisk, "300", "400", "500")
    assert (presence.is_free("300"), presence.is_free("400"), presence.is_free("500")) == (True, False, True)
    presence.hear({"Event": "UserEvent", "UserEvent": "DB_UserBuddyStatus", "key": "202", "val": "1"})
    assert not presence.is_free("300")
    added = {"Event": "QueueMemberAdded", "Queue": "400", "Interface": "PJSIP/204", "Status": "1", "Paused": "0"}
    presence.hear(added)
    assert presence.is_free("400")
    presence.hear({**added, "Event": "QueueMemberPause", "Paused": "1"})
    assert not presence.is_free("400")
    presence.hear({**added, "Event": "QueueMemberRemoved"})
    assert not presence.is_free("400")


@pytest.mark.parametrize("key", ["201", "UserBuddyStatus/201", "/UserBuddyStatus/201"])
async def test_a_status_is_heard_by_whatever_key_the_host_sends(key: str) -> None:
    presence, freed = await presence_of(Asterisk(), "201")
    assert freed == ["201"]
    presence.hear({"Event": "UserEvent", "UserEvent": "DB_UserBuddyStatus", "key": key, "val": "1"})
    assert not presence.is_free("201")
    presence.hear({"Event": "UserEvent", "UserEvent": "DB_UserBuddyStatus", "key": key, "val": "0"})
    assert (presence.is_free("201"), freed) == (True, ["201", "201"])


async def test_events_that_make_no_sense_change_nothing_and_break_nothing() -> None:
    presence, _ = await presence_of(Asterisk(), "201")
    for event in ({}, {"Event": "QueueMemberStatus"}, {"Event": "ExtensionStatus", "Exten": "9", "Status": "x"}):
        presence.hear(event)
    assert presence.is_free("201")


async def test_an_event_that_comes_amid_a_refresh_is_not_overwritten_by_what_was_asked_before() -> None:
    asterisk = Asterisk()
    asterisk.hints = [("201", "internal", 0)]
    presence, freed = await presence_of(asterisk, "201")
    whole = asterisk.action

    async def action_and_event(fields: Mapping[str, str], timeout_s: float = 10.0) -> list[dict[str, str]]:
        answer = await whole(fields)
        if fields["Action"] == "DBGetTree":  # the hints have been asked for
            presence.hear(hint_event("201", "internal", 1))
        return answer

    asterisk.action = action_and_event  # type: ignore[method-assign]
    await presence.refresh()
    assert not presence.is_free("201")
    assert freed == ["201"]


async def test_a_number_that_the_dialplan_does_not_have_takes_no_call_until_it_has() -> None:
    asterisk = Asterisk()
    asterisk.missing = {"2999"}
    presence, freed = await presence_of(asterisk, "2999")
    assert presence.obstacle("2999") == "there is no extension 2999 in [internal]"
    assert (presence.staff("2999"), freed) == (Staff(0, 0, 0), [])
    asterisk.missing = set()
    await presence.refresh()
    assert presence.obstacle("2999") is None
    assert freed == ["2999"]
