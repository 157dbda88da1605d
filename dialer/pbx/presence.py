"""Presence: which employees and queues can take a call now.

Asked by the scheduler before each call of an `exten` task. Learned from AMI: at each connect, every `REFRESH_S`, when
somebody asks for a number we have not looked at, and from events in between.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dialer.model.presence import Member, is_employee_free, is_member_free
from dialer.pbx.ami import AmiClient, AmiDownError, AmiRefusedError

log = logging.getLogger(__name__)
REFRESH_S = 30.0
"""Dialplan, queues and AstDB can change without an event."""
RETRY_S = 1.0
BUDDY_FAMILY = "UserBuddyStatus"
EVENTS = ("ExtensionStatus", "QueueMemberAdded", "QueueMemberPause", "QueueMemberRemoved", "QueueMemberStatus")


@dataclass(frozen=True, slots=True)
class _Line:
    """What an internal number is."""

    queue: str | None = None
    """Name of the queue that its extension leads to."""


class Presence:
    """Answers `is_free` from memory. An internal number that is neither employee nor queue (an IVR) counts as free."""

    def __init__(self, client: AmiClient, internal_context: str) -> None:
        self._client = client
        self._context = internal_context
        self._lines: dict[str, _Line] = {}
        """The numbers somebody has asked for, as far as they have been looked at."""
        self._asked: set[str] = set()
        self._hints: dict[str, dict[str, int]] = {}
        """Number, context of the hint, state."""
        self._statuses: dict[str, str] = {}
        """AstDB UserBuddyStatus by number."""
        self._queues: dict[str, dict[str, Member]] = {}
        """Members by interface."""
        self._was_free: dict[str, bool] = {}
        self._heard: list[Mapping[str, str]] = []
        """Events since the refresh under way began."""
        self._refreshing = asyncio.Lock()
        self._wake = asyncio.Event()
        self.on_free: Callable[[str], None] = lambda inner_num: None
        """Called with an internal number that has become free."""

    def is_free(self, inner_num: str) -> bool:
        """Whether a call may be begun for this number now. False too until it has been looked at: `on_free` tells."""
        line = self._lines.get(inner_num)
        if line is None:
            if inner_num not in self._asked:
                self._asked.add(inner_num)
                self._wake.set()
            return False
        if line.queue is not None:
            members = self._queues.get(line.queue, {}).values()
            return any(is_member_free(member, self._statuses.get(member.employee, "")) for member in members)
        return is_employee_free(self._hints.get(inner_num, {}).values(), self._statuses.get(inner_num, ""))

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
        """Look at everything anew. Raises AmiDownError or TimeoutError."""
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

    async def run(self) -> None:
        """Refresh when a new number is asked for, and every so often. Serves until cancelled."""
        while True:
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # time to look again
            self._wake.clear()
            try:
                await self.refresh()
            except (AmiDownError, TimeoutError) as error:
                log.info("presence of employees not known now: %s", error or "time-out")
                asyncio.get_running_loop().call_later(RETRY_S, self._wake.set)

    def _hear_hint(self, message: Mapping[str, str]) -> None:
        self._hints.setdefault(message.get("Exten", ""), {})[message.get("Context", "")] = _number(message, "Status")

    def _hear_member(self, message: Mapping[str, str], *, gone: bool) -> None:
        members = self._queues.setdefault(message.get("Queue", ""), {})
        member = _member(message, message.get("Interface", ""))
        if gone:
            members.pop(member.interface, None)
        else:
            members[member.interface] = member

    def _tell_freed(self) -> None:
        for inner_num in self._lines:
            free = self.is_free(inner_num)
            if free and not self._was_free.get(inner_num):
                self.on_free(inner_num)
            if free is not self._was_free.get(inner_num):
                log.info("internal number %s: %s", inner_num, "free" if free else "nobody is free")
            self._was_free[inner_num] = free

    async def _look_at(self, inner_num: str, queues: Mapping[str, object]) -> _Line:
        """Follow the number's extension to its queue; and have Asterisk make its hint, should that be a pattern."""
        number = {"Context": self._context}
        await self._list("ExtensionState", {**number, "Exten": inner_num})
        extension = await self._list("ShowDialPlan", {**number, "Extension": inner_num})
        return _Line(_queue_of(extension) or (inner_num if inner_num in queues else None))

    async def _fetch_hints(self) -> dict[str, dict[str, int]]:
        hints: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for hint in await self._list("ExtensionStateList", {}):
            hints[hint.get("Exten", "")][hint.get("Context", "")] = _number(hint, "Status")
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
        """The items of a list; none where Asterisk knows nothing of the kind (no such extension, no app_queue)."""
        try:
            messages = await self._client.action({"Action": action, **fields})
        except AmiRefusedError as error:
            log.debug("%s", error)
            return []
        return [message for message in messages[1:] if "Complete" not in message.get("Event", "")]


def _queue_of(extension: Iterable[Mapping[str, str]]) -> str | None:
    """The queue that an extension leads to, by its dialplan; a name made of variables is not followed."""
    for step in extension:
        name = step.get("AppData", "").partition(",")[0]
        if step.get("Application") == "Queue" and name and "$" not in name:
            return name
    return None


def _member(message: Mapping[str, str], interface: str) -> Member:
    return Member(interface, _number(message, "Status"), message.get("Paused") == "1")


def _number(message: Mapping[str, str], name: str) -> int:
    text = message.get(name, "")
    return int(text) if text.lstrip("-").isdecimal() else -1
