"""Lamps: each task that is not closed is a device state of Asterisk, `Custom:dialer-<task>`, which telephones watch.

What Asterisk has is compared with what is at each connect; from then on only what changes is told. When the daemon
stops in good order all lamps go out; after a crash they stay as they were until the daemon is there again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

from dialer.model.task import TaskState
from dialer.pbx.ami import AmiClient, AmiDownError, AmiRefusedError, AmiState
from dialer.store.database import StoreError

log = logging.getLogger(__name__)
FAMILY = "CustomDevstate"
"""Of AstDB: where Asterisk 22 func_devstate.c keeps such states over its restarts."""
DEVICE = "dialer-"
AT_ONCE = 20
LOOK_EVERY_S = 0.2
"""Tasks may change a hundred times a second; lamps need not."""
RETRY_S = 30.0
STORE_RETRY_S = 1.0
LAST_S = 2.0


class Lamp(StrEnum):
    """Device states, as Asterisk spells them."""

    DIALS = "INUSE"
    PAUSED = "NOT_INUSE"
    OFF = "UNAVAILABLE"


_LAMPS = {TaskState.OPEN: Lamp.DIALS, TaskState.PAUSED: Lamp.PAUSED}


class Lamps:
    """Keeps the device states."""

    def __init__(
        self,
        client: AmiClient,
        fetch_states: Callable[[], Awaitable[Mapping[int, TaskState]]],
        agi_address: str,
    ) -> None:
        """`fetch_states` gives every task that is not closed. `agi_address`: where keys of telephones ask us."""
        self._client = client
        self._fetch_states = fetch_states
        self._agi_address = agi_address
        self._shown: dict[int, str] | None = None
        """What Asterisk has; None: not known, or it must be asked anew."""
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._off = False
        self._told = False

    def asterisk_is_back(self) -> None:
        self._shown = None
        self._wake.set()

    def tasks_changed(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Look whenever something may have changed. Runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._client.state is AmiState.READY:
                async with self._looking:
                    again_s = await self._look()
                await asyncio.sleep(LOOK_EVERY_S)
                if again_s:
                    asyncio.get_running_loop().call_later(again_s, self._wake.set)

    async def switch_off(self) -> None:
        """The daemon stops: nothing dials any more. In `LAST_S` at the most."""
        self._off = True
        if self._client.state is AmiState.READY:
            try:
                async with asyncio.timeout(LAST_S), self._looking:
                    await self._look()
            except TimeoutError:
                log.info("not every lamp of a task was put out")

    async def _look(self) -> float:
        """Seconds until it should be tried again; 0: all is shown."""
        try:
            states = {} if self._off else await self._fetch_states()
            if self._shown is None:
                await self._client.action(
                    {"Action": "DBPut", "Family": "autodialer-daemon", "Key": "agi", "Val": self._agi_address}
                )
                self._shown = await self._kept()
            wanted = {task_id: _LAMPS[state].value for task_id, state in states.items()}
            gone = dict.fromkeys(self._shown.keys() - wanted.keys(), Lamp.OFF.value)
            news = [one for one in (gone | wanted).items() if self._shown.get(one[0]) != one[1]]
            for start in range(0, len(news), AT_ONCE):
                await asyncio.gather(*(self._show(*one) for one in news[start : start + AT_ONCE]))
        except AmiRefusedError as error:
            if not self._told:
                log.warning("telephones see no tasks: the AMI user needs write = call (Setvar): %s", error)
            self._told = True
            return RETRY_S
        except (AmiDownError, TimeoutError) as error:
            log.debug("lamps are not told now: %r", error)
            return 0.0 if isinstance(error, AmiDownError) else RETRY_S
        except StoreError as error:  # its trouble is told by itself
            log.debug("lamps are told later: %s", error)
            return STORE_RETRY_S
        self._told = False
        return 0.0

    async def _show(self, task_id: int, lamp: str) -> None:
        await self._set(f"DEVICE_STATE(Custom:{DEVICE}{task_id:d})={lamp}")
        assert self._shown is not None  # noqa: S101 - _look has asked
        self._shown[task_id] = lamp
        if lamp == Lamp.OFF and not self._off:  # closed or deleted: nothing is kept of it
            del self._shown[task_id]
            await self._client.action({"Action": "DBDel", "Family": FAMILY, "Key": f"{DEVICE}{task_id:d}"})

    async def _set(self, assignment: str) -> None:
        variable, _, value = assignment.partition("=")
        await self._client.action({"Action": "Setvar", "Variable": variable, "Value": value})

    async def _kept(self) -> dict[int, str]:
        """Device states of tasks in AstDB."""
        messages = await self._client.action({"Action": "DBGetTree", "Family": FAMILY})
        kept = {}
        for message in messages[1:]:
            name = str(message.get("Key", "")).removeprefix(f"/{FAMILY}/")
            task_id = name.removeprefix(DEVICE)
            if name.startswith(DEVICE) and task_id.isascii() and task_id.isdecimal() and len(task_id) <= 18:
                kept[int(task_id)] = str(message.get("Val", ""))
        return kept


async def key_pressed_on(client: AmiClient, channel: str) -> str:
    """The task whose key this channel of Asterisk's has dialled (context autodialer-key); empty: none, or no such
    channel. Raises what AmiClient.action raises."""
    try:
        answer = await client.action({"Action": "Getvar", "Channel": channel, "Variable": "AUTODIALER_KEY_TASK"})
    except AmiRefusedError:
        return ""
    return str(answer[0].get("Value", ""))
