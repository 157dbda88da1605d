"""How long subscribers wait for prompts, by Asterisk's own events."""

import asyncio
import contextlib

from tests.rig.pbx import Pbx

_USER, _SECRET = "bench", "bench-secret"
_RIGHTS = f"""
[{_USER}]
secret = {_SECRET}
read = agi,dialplan
write = system
eventfilter(action(include),name(Newexten),header(Application),method(exact)) = AGI
eventfilter(action(include),name(AGIExecStart),header(Command),method(starts_with)) = STREAM FILE
eventfilter(action(include),name(AGIExecEnd),header(Command),method(starts_with)) = STREAM FILE
eventfilter(action(include),name(AGIExecStart),header(Command),method(starts_with)) = GET OPTION
eventfilter(action(include),name(AGIExecEnd),header(Command),method(starts_with)) = GET OPTION
"""


class PromptClock:
    """An AMI user of its own, which hears the begin and the end of what a subscriber waits in, and nothing else."""

    def __init__(self, pbx: Pbx) -> None:
        self._pbx = pbx
        self._came_s: dict[str, float] = {}
        """When each channel has come to AGI(), until it has its first prompt."""
        self.counts = False
        """Whether first prompts that come now are kept."""
        self.waits_s: list[float] = []
        self._ended_s: dict[str, float] = {}
        """When each channel's last prompt, or its wait for a key, has ended, until the next prompt."""
        self._next_s: list[float] = []
        self._listening: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Listen, until `close`; more than once if need be."""
        rights = self._pbx.etc_dir / "manager.conf"
        if _RIGHTS not in rights.read_text():
            with rights.open("a") as file:
                file.write(_RIGHTS)
            await self._pbx.rx("manager reload")
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._pbx.ami_port)
        self._writer.write(f"Action: Login\r\nUsername: {_USER}\r\nSecret: {_SECRET}\r\n\r\n".encode())
        assert b"Success" in await reader.readuntil(b"\r\n\r\n")
        self._listening = asyncio.create_task(self._listen(reader), name="first prompts")

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        if self._writer is not None:
            self._writer.close()

    def take_next(self) -> list[float]:
        """How long subscribers waited for the prompt after a key, or silence, since this was asked last, seconds."""
        taken, self._next_s = self._next_s, []
        return taken

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
                lines = (line.partition(": ") for line in text.split("\r\n"))
                self.hear({name: value for name, _, value in lines})

    def hear(self, event: dict[str, str]) -> None:
        """One event."""
        kind = event.get("Event")
        if kind == "Newexten" and "/dialogue," in event.get("AppData", ""):
            self._came_s[event["Channel"]] = float(event["Timestamp"])
        elif kind == "AGIExecEnd":
            self._ended_s[event["Channel"]] = float(event["Timestamp"])
        elif kind == "AGIExecStart":
            channel, begun_s = event["Channel"], float(event["Timestamp"])
            came_s = self._came_s.pop(channel, None)
            ended_s = self._ended_s.pop(channel, None)
            if came_s is not None:
                if self.counts:
                    self.waits_s.append(begun_s - came_s)
            elif ended_s is not None:
                self._next_s.append(begun_s - ended_s)
