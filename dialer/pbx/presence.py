"""Presence: which employees and queues can take a call now.

Asked by the scheduler before each call of an `exten` task. Learned from AMI: at each connect, every `REFRESH_S`, when
somebody asks for a number we have not looked at, and from events in between.
"""

import asyncio
import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from dialer.model.employees import Staff
from dialer.model.presence import (
    DEVICE_RINGING,
    Member,
    employee_obstacle,
    hint_rings,
    is_member_free,
    is_on_duty,
    is_reachable,
    wraps_up_s,
)
from dialer.model.safe import UnsafeValueError, safe_extension
from dialer.pbx.ami import AmiClient, AmiDownError, AmiRefusedError

log = logging.getLogger(__name__)
REFRESH_S = 30.0
"""Dialplan, queues and AstDB can change without an event."""
RETRY_S = 1.0
MOST_GOTOS = 4
_NUMBER = re.compile(r"-?[0-9]{1,12}")
WRAP_UP_SLACK_S = 0.05
BUDDY_FAMILY = "UserBuddyStatus"
_NOTHING_THERE = ("Did not find", "Invalid/unknown command")
"""Asterisk 22: no such context or extension; the module with that action is not loaded."""
EVENTS = ("ExtensionStatus", "QueueMemberAdded", "QueueMemberPause", "QueueMemberRemoved", "QueueMemberStatus")


@dataclass(frozen=True, slots=True)
class _Line:
    """What an internal number is."""

    queue: str | None = None
    """Name of the queue that its extension leads to."""
    hint: str = ""
    """The devices of its hint as the employees' context has it; empty: that has none, look in all contexts."""
    nowhere: bool = False
    """The dialplan has no such extension: whoever answered would be connected to nobody."""


@dataclass(frozen=True, slots=True)
class _Hint:
    devices: str
    state: int


class Presence:
    """Answers `is_free` from memory. An internal number that is neither employee nor queue (an IVR) counts as free."""

    def __init__(
        self,
        client: AmiClient,
        internal_context: str,
        *,
        wrap_up_s: float = 0.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wrap_up_s`: what members of queues have to do after a talk, where they have no longer one of their own."""
        self._wall = wall
        self._client = client
        self._context = internal_context
        self._lines: dict[str, _Line] = {}
        """The numbers somebody has asked for, as far as they have been looked at."""
        self._asked: set[str] = set()
        self._hints: dict[str, dict[str, _Hint]] = {}
        """By number, and context of the hint."""
        self._statuses: dict[str, str] = {}
        """AstDB UserBuddyStatus by number."""
        self._queues: dict[str, dict[str, Member]] = {}
        """Members by interface."""
        self._was: dict[str, Staff | None] = {}
        self._wrap_up_s = wrap_up_s
        self._wrapped_up: asyncio.TimerHandle | None = None
        self._heard: list[Mapping[str, str]] = []
        """Events since the refresh under way began."""
        self._refreshing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._refresh_at_s: float | None = None
        self.on_free: Callable[[str], None] = lambda inner_num: None
        """Called with an internal number at which more employees have become free."""

    def is_free(self, inner_num: str) -> bool:
        """Whether a call may be begun for this number now. False too until it has been looked at: `on_free` tells."""
        return self.obstacle(inner_num) is None

    def obstacle(self, inner_num: str) -> str | None:
        """Why not, in words; None when it may."""
        line = self._lines.get(inner_num)
        if line is None:
            if inner_num not in self._asked:
                self._asked.add(inner_num)
                self._wake.set()
            return "not looked at yet"
        if line.nowhere:
            return f"there is no extension {inner_num} in [{self._context}]"
        if line.queue is not None:
            members = self._queues.get(line.queue, {}).values()
            if self._staff_of_queue(members).free:
                return None
            return f"none of the {len(members)} members of queue {line.queue} is free"
        return employee_obstacle(self._hints_of(inner_num, line), self._statuses.get(inner_num, ""))

    def staff(self, inner_num: str) -> Staff | None:
        """The employees behind a number; None: it is neither employee nor queue. Nobody until it has been looked at:
        `on_free` tells."""
        line = self._lines.get(inner_num)
        if line is None:
            self.obstacle(inner_num)  # asks for it
            return Staff(0, 0, 0)
        if line.nowhere:
            return Staff(0, 0, 0)
        if line.queue is not None:
            return self._staff_of_queue(self._queues.get(line.queue, {}).values())
        hints, status = self._hints_of(inner_num, line), self._statuses.get(inner_num, "")
        if not hints and is_reachable((), status):
            return None
        free = employee_obstacle(hints, status) is None
        ringing = not free and hint_rings(hints)
        return Staff(int(is_reachable(hints, status)), int(free), int(ringing))

    def _staff_of_queue(self, members: Collection[Member]) -> Staff:
        on_duty = [one for one in members if is_on_duty(one, self._statuses.get(one.employee, ""))]
        free = [one for one in on_duty if is_member_free(one, "")]
        now_s = self._wall()
        wrapping_up = [left_s for one in free if (left_s := wraps_up_s(one, now_s, self._wrap_up_s)) > 0]
        if wrapping_up:
            self._tell_in(min(wrapping_up))
        ringing = sum(one.device_state == DEVICE_RINGING for one in on_duty)
        return Staff(len(on_duty), len(free) - len(wrapping_up), ringing)

    def _tell_in(self, delay_s: float) -> None:
        """Somebody has done his wrap-up then, and no event tells."""
        loop = asyncio.get_running_loop()
        at_s = loop.time() + delay_s + WRAP_UP_SLACK_S
        if self._wrapped_up is not None:
            if self._wrapped_up.when() <= at_s:
                return
            self._wrapped_up.cancel()
        self._wrapped_up = loop.call_at(at_s, self._has_wrapped_up)

    def _has_wrapped_up(self) -> None:
        self._wrapped_up = None
        self._tell_freed()

    def _hints_of(self, inner_num: str, line: _Line) -> list[int]:
        hints = self._hints.get(inner_num, {}).values()
        return [hint.state for hint in hints if line.hint in {"", hint.devices}]

    @property
    def refresh_in_s(self) -> float | None:
        """Seconds until everything is looked at anew; None: that is under way."""
        if self._refresh_at_s is None:
            return None
        return max(0.0, self._refresh_at_s - asyncio.get_running_loop().time())

    def hear(self, message: Mapping[str, str]) -> None:
        """Take an event; those that say nothing of presence are passed over."""
        if self._apply(message):
            if self._refreshing.locked():
                self._heard.append(message)
            self._tell_freed()

    def _apply(self, message: Mapping[str, str]) -> bool:
        name = message.get("Event", "")
        if name == "ExtensionStatus":
            self._hear_hint(message)
        elif name.startswith("QueueMember"):
            self._hear_member(message, gone=name == "QueueMemberRemoved")
        elif message.get("UserEvent") == "DB_UserBuddyStatus":
            self._statuses[message.get("key", "").rpartition("/")[2]] = message.get("val", "")
        else:
            return False
        return True

    async def refresh(self) -> None:
        """Look at everything anew. Raises what AmiClient.action raises; then nothing has changed."""
        async with self._refreshing:
            self._heard.clear()
            asked = self._asked | self._lines.keys()
            if not asked:
                return
            queues = await self._fetch_queues()
            lines = {inner_num: await self._look_at(inner_num, queues) for inner_num in asked}
            hints, statuses = await self._fetch_hints(), await self._fetch_statuses()
            self._queues, self._hints, self._statuses = queues, hints, statuses
            for message in self._heard:  # what changed while we asked; told twice it does no harm
                self._apply(message)
            self._lines.update(lines)
            self._asked -= lines.keys()
        self._tell_freed()

    def look_again(self) -> None:
        """Asterisk has come back: nobody is free until looked at."""
        self._asked |= self._lines.keys()
        self._lines.clear()
        self._was.clear()
        self._wake.set()

    async def run(self) -> None:
        """Refresh when a new number is asked for, and every so often. Serves until cancelled."""
        while True:
            self._refresh_at_s = asyncio.get_running_loop().time() + REFRESH_S
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # time to look again
            self._refresh_at_s = None
            self._wake.clear()
            try:
                await self.refresh()
            except AmiDownError:
                continue  # `look_again` follows
            except (AmiRefusedError, TimeoutError) as error:
                log.warning("who is free is not known now: %s; tried again", error or "no answer")
                asyncio.get_running_loop().call_later(RETRY_S, self._wake.set)

    def _hear_hint(self, message: Mapping[str, str]) -> None:
        self._hints.setdefault(message.get("Exten", ""), {})[message.get("Context", "")] = _hint(message)

    def _hear_member(self, message: Mapping[str, str], *, gone: bool) -> None:
        members = self._queues.setdefault(message.get("Queue", ""), {})
        member = _member(message, message.get("Interface", ""))
        if gone:
            members.pop(member.interface, None)
        else:
            members[member.interface] = member

    def _tell_freed(self) -> None:
        for inner_num in self._lines:
            staff, was = self.staff(inner_num), self._was.get(inner_num, Staff(0, 0, 0))
            self._was[inner_num] = staff
            if staff is None:
                if was is not None:
                    self.on_free(inner_num)
                continue
            had = was or Staff(0, 0, 0)
            if staff.free > had.free:
                self.on_free(inner_num)
            if (staff.free > 0) is not (had.free > 0):
                log.info("internal number %s: %s", inner_num, "free" if staff.free else "nobody is free")

    async def _look_at(self, inner_num: str, queues: Mapping[str, object]) -> _Line:
        """What the number is: whether there is such an extension (an Asterisk that does not say counts as one that has
        it), its queue, its hint. (Asking for the state makes the hint, should it be a pattern.)"""
        exists = {"Action": "Getvar", "Variable": f"DIALPLAN_EXISTS({self._context},{safe_extension(inner_num)},1)"}
        (answer, *_) = await self._client.action(exists)
        if answer.get("Value") == "0":
            was = self._lines.get(inner_num)
            if was is None or not was.nowhere:
                log.warning("internal number %s: there is no such extension in [%s]", inner_num, self._context)
            return _Line(nowhere=True)
        asked = {"Action": "ExtensionState", "Context": self._context, "Exten": inner_num}
        (state, *_) = await self._client.action(asked)
        try:
            queue = inner_num if inner_num in queues else await self._find_queue(self._context, inner_num)
        except UnsafeValueError as error:
            log.warning("internal number %s: it is not known whose it is: the dialplan leads to %s", inner_num, error)
            queue = None
        return _Line(queue, state.get("Hint", ""))

    async def _find_queue(self, context: str, exten: str) -> str | None:
        """The queue that an extension leads to: the first thing that its dialplan, Gotos followed, calls."""
        for _ in range(MOST_GOTOS):
            steps = await self._list("ShowDialPlan", {"Context": context, "Extension": exten})
            calls = [step for step in steps if step.get("Application", "").lower() in ("dial", "queue", "goto")]
            if not calls:
                return None
            application, data = calls[0].get("Application", "").lower(), calls[0].get("AppData", "").split(",")
            if "$" in calls[0].get("AppData", "") or application == "dial":
                return None
            if application == "queue":
                return data[0] or None
            match data:
                case [context, exten, _]:
                    continue
                case [exten, _]:
                    continue
                case _:
                    return None  # to another line of the same extension
        return None

    async def _fetch_hints(self) -> dict[str, dict[str, _Hint]]:
        hints: defaultdict[str, dict[str, _Hint]] = defaultdict(dict)
        for hint in await self._list("ExtensionStateList", {}):
            hints[hint.get("Exten", "")][hint.get("Context", "")] = _hint(hint)
        return dict(hints)

    async def _fetch_queues(self) -> dict[str, dict[str, Member]]:
        queues: defaultdict[str, dict[str, Member]] = defaultdict(dict)
        for entry in await self._list("QueueStatus", {}):
            members = queues[entry.get("Queue", "")]
            if entry.get("Event") == "QueueMember":
                member = _member(entry, entry.get("Location", ""))
                members[member.interface] = member
        return dict(queues)

    async def _fetch_statuses(self) -> dict[str, str]:
        entries = await self._list("DBGetTree", {"Family": BUDDY_FAMILY})
        return {entry.get("Key", "").rpartition("/")[2]: entry.get("Val", "") for entry in entries}

    async def _list(self, action: str, fields: Mapping[str, str]) -> list[Mapping[str, str]]:
        """The items of a list; none where Asterisk knows nothing of the kind. Any other refusal is raised."""
        try:
            messages = await self._client.action({"Action": action, **fields})
        except AmiRefusedError as error:
            if not any(words in str(error) for words in _NOTHING_THERE):
                raise
            return []
        return [message for message in messages[1:] if "Complete" not in message.get("Event", "")]


def _hint(message: Mapping[str, str]) -> _Hint:
    return _Hint(message.get("Hint", ""), _number(message, "Status"))


def _member(message: Mapping[str, str], interface: str) -> Member:
    last_call_s, wrap_up_s = max(0, _number(message, "LastCall")), max(0, _number(message, "Wrapuptime"))
    return Member(interface, _number(message, "Status"), message.get("Paused") == "1", last_call_s, wrap_up_s)


def _number(message: Mapping[str, str], name: str) -> int:
    text = message.get(name, "")
    return int(text) if _NUMBER.fullmatch(text) else -1
