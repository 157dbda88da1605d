"""One FastAGI session: the environment Asterisk sends, and its commands as typed verbs.

Protocol facts (Asterisk 22 res_agi.c): a hang-up makes Asterisk send a line `HANGUP` of its own between replies; a verb
on a channel that has hung up is answered with `result=-1` or with `511`.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

from agi.connections import MAX_UNREAD_BYTES, Connection, EndlessError
from dialer.model.safe import (
    KEYS,
    safe_context,
    safe_escape_keys,
    safe_line,
    safe_number,
    safe_sound_path,
    safe_variable,
)

ENVIRONMENT_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 10.0
MAX_ENVIRONMENT_LINES = 200
MAX_REPLY_LINES = 200
"""To one verb: `HANGUP`, `100 Trying`, the usage text of a 520."""
_REPLY = re.compile(r"200 result=(-?[0-9]{1,18})(?![0-9])(.*)")
_END_POSITION = re.compile(r"endpos=([0-9]{1,12})")


LEAST_RECORDED_SAMPLES = 4000
"""Half a second at 8 kHz: less than that before a hang-up is the noise of a receiver being put down."""


class HungUpError(Exception):
    """The subscriber left, or Asterisk closed the connection."""


class AgiError(Exception):
    """Asterisk did not understand us, or we it."""


class UnplayableError(AgiError):
    """The administrator's fault: Asterisk does not see a sound file, or cannot read it."""


class UnstoredError(AgiError):
    """An answer could not be stored, so the dialogue does not go on: the fault of the database, or of the folder that
    recordings go to."""


class AgiSession:
    """Verbs raise HungUpError when the channel is gone, AgiError for an answer that makes no sense."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._environment = ""
        """Its lines, each with its end before it: a claim asks for four of some thirty."""
        self.on_command: Callable[[str], None] = lambda verb: None
        """Told the first two words of each command as it is sent."""
        self.script = ""
        """The path of AGI()'s address."""

    @property
    def is_there(self) -> bool:
        """Whether the channel has said nothing since the last reply: while nothing is asked of it that is a hang-up."""
        return self._connection.is_quiet

    @property
    def environment(self) -> dict[str, str]:
        """All that Asterisk has said before the first command."""
        lines = [line.rstrip("\r").partition(": ") for line in self._environment.split("\n")]
        return {name: value for name, separator, value in lines if separator}

    def argument(self, number: int) -> str:
        """Argument of AGI() after the address, counted from 1; empty when it is not there."""
        return self._said(f"agi_arg_{number}")

    def _said(self, name: str) -> str:
        """A line of the environment; empty when it is not there."""
        _, found, rest = self._environment.rpartition(f"\n{name}: ")
        return rest.partition("\n")[0].rstrip("\r") if found else ""

    async def read_environment(self) -> None:
        """Read the lines before the first command, all at once: there are some thirty, for every call. Every end of the
        stream is noticed, also amid a line."""
        deadline_s = _in_s(ENVIRONMENT_TIMEOUT_S)
        is_empty = await self._read(self._connection.peek(deadline_s)) == b"\n"
        text = await self._read(self._connection.read_until(b"\n" if is_empty else b"\n\n", deadline_s))
        self._environment = f"\n{_decoded(text)}"
        if self._environment.count("\n") > MAX_ENVIRONMENT_LINES:
            raise AgiError(f"more than {MAX_ENVIRONMENT_LINES} lines of environment")
        self.script = self._said("agi_network_script")

    async def wait_for_hangup(self) -> None:
        """Return only by HungUpError: when the channel hangs up while nothing is asked of it. May be cancelled."""
        while await self._read_line(None) != "HANGUP":
            pass
        raise HungUpError("HANGUP")

    async def play(self, path: str, escape_keys: str = "") -> str:
        """Play a sound (path without its ending) and return the key that interrupted it, or nothing."""
        command = f'STREAM FILE {safe_sound_path(path)} "{safe_escape_keys(escape_keys)}"'
        result, rest = await self._reply_to(command, timeout_s=None)
        if result <= 0 and rest.strip() == "endpos=0":
            # A missing file, or a hang-up before the first sound. Asked only then: the answer takes 40 ms after a
            # hang-up, when Asterisk has just sent its HANGUP line (Nagle's algorithm), and a channel waits for it.
            await self._command("CHANNEL STATUS")
            raise UnplayableError(f"Asterisk cannot play {path}: does it see the file?")
        return self._key(_unless_hung_up(result))

    async def ask(self, path: str, timeout_s: float) -> str:
        """Play a sound until any key is pressed, then wait so long for one; return it, or nothing. In one command: a
        key that is pressed between two would be lost (Asterisk 22 res_agi.c, run_agi: whatever comes while there is
        none is thrown away), and on a busy machine people do press it then."""
        keys = safe_escape_keys("".join(sorted(KEYS)))
        result, rest = await self._reply_to(
            f'GET OPTION {safe_sound_path(path)} "{keys}" {round(timeout_s * 1000):d}', timeout_s=None
        )
        if result <= 0:
            # handle_getoption says 0, too, of a hang-up amid the wait, and of a missing file
            await self._command("CHANNEL STATUS")
            if rest.strip() == "endpos=0":
                raise UnplayableError(f"Asterisk cannot play {path}: does it see the file?")
        return self._key(_unless_hung_up(result))

    async def wait_for_key(self, timeout_s: float) -> str:
        """The key pressed within the time, or nothing."""
        result = await self._command(f"WAIT FOR DIGIT {round(timeout_s * 1000):d}", REPLY_TIMEOUT_S + timeout_s)
        return self._key(result)

    async def hang_up_after(self, limit_s: int) -> None:
        """Have Asterisk hang up by itself in so many seconds, also if we are gone by then; 0 takes it back."""
        await self._command(f"SET AUTOHANGUP {limit_s:d}")

    async def record(self, path: str, max_s: float, silence_s: float) -> bool:
        """Record the subscriber into `path`.wav until `max_s` are over, `silence_s` are silent, a key is pressed or
        somebody hangs up. False: the subscriber left with nothing said. Raises UnstoredError.

        Asterisk 22 res_agi.c, handle_recordfile: `result=-1 (writefile)` when the file cannot be made, else the key or
        -1, the reason, and `endpos=` in samples.
        """
        command = (
            f'RECORD FILE {safe_sound_path(path)} wav "{"".join(sorted(KEYS))}" {round(max_s * 1000):d} s={silence_s:g}'
        )
        result, rest = await self._reply_to(command, REPLY_TIMEOUT_S + max_s)
        if "writefile" in rest:
            raise UnstoredError(f"Asterisk cannot record to {path}.wav: see [audio] recordings_dir")
        said = _END_POSITION.search(rest)
        return result != -1 or (said is not None and int(said.group(1)) >= LEAST_RECORDED_SAMPLES)

    async def set_variable(self, name: str, value: str) -> None:
        safe_name, safe_value = safe_variable(name, value)
        await self._command(f'SET VARIABLE {safe_name} "{safe_value}"')

    async def variable(self, name: str) -> str:
        """The value of a channel variable; empty when it is not set."""
        safe_name, _ = safe_variable(name, "")
        result, rest = await self._reply_to(f"GET VARIABLE {safe_name}")
        value = rest.strip()
        return value[1:-1] if _unless_hung_up(result) and value.startswith("(") and value.endswith(")") else ""

    async def record_talk(self) -> None:
        """From now on record the subscriber's talks to the file that the call file names, if it does; once."""
        path = await self.variable("AUTODIALER_RECORD")
        if not path or await self.variable("AUTODIALER_RECORDS"):
            return
        await self.set_variable("AUTODIALER_RECORDS", "1")
        await self._command(f"EXEC MixMonitor {safe_sound_path(path)},b")

    async def dial(
        self, telephone: str, ring_timeout_s: int, attempt_id: int, melody: str = "", *, is_goal: bool = False
    ) -> tuple[str, str]:
        """Call an employee for the subscriber, who hears the music-on-hold class `melody` meanwhile, and let them talk;
        `is_goal`: an answer is what the dialogue is for.
        DIALSTATUS and HANGUPCAUSE (Asterisk 22 app_dial.c), when both have put down or nobody has answered."""
        call = safe_variable("CALL", await self.variable("AUTODIALER_CALL"))[1]
        music = f"m({safe_context(melody)})" if melody else ""
        joined = f"U(autodialer-joined^{attempt_id:d}^{call}^{safe_number(telephone)}{'^goal' if is_goal else ''})"
        # g: the subscriber stays when the employee puts down
        await self._command(
            f"EXEC Dial Local/{safe_number(telephone)}@autodialer-employee/n,{ring_timeout_s:d},g{music}{joined}", None
        )
        return await self.variable("DIALSTATUS"), await self.variable("HANGUPCAUSE")

    @staticmethod
    def _key(result: int) -> str:
        return chr(result) if 0 < result < 128 and chr(result) in KEYS else ""

    async def _command(self, command: str, timeout_s: float | None = REPLY_TIMEOUT_S) -> int:
        result, _ = await self._reply_to(command, timeout_s)
        return _unless_hung_up(result)

    async def _reply_to(self, command: str, timeout_s: float | None = REPLY_TIMEOUT_S) -> tuple[int, str]:
        """The number after `result=` and what follows it."""
        self.on_command(" ".join(command.split(" ", 2)[:2]))
        self._connection.transport.write(f"{safe_line(command)}\n".encode())
        reply = await self._read_reply(None if timeout_s is None else _in_s(timeout_s))
        match = _REPLY.match(reply)
        if match is None:
            if reply.startswith("511"):
                raise HungUpError(reply)
            raise AgiError(f"{command.split(maxsplit=1)[0]}: {reply[:200]}")
        return int(match.group(1)), match.group(2)

    async def _read_reply(self, deadline_s: float | None) -> str:
        usage = False
        for _ in range(MAX_REPLY_LINES):
            line = await self._read_line(deadline_s)
            if line.startswith("520-"):  # a usage text follows, closed by a line that begins "520 "
                usage = True
            elif usage:
                if not line or line.startswith("520 "):
                    return "520 usage error"
            elif line and line != "HANGUP" and not line.startswith("100"):
                return line
        raise AgiError(f"more than {MAX_REPLY_LINES} lines of reply")

    async def _read_line(self, deadline_s: float | None) -> str:
        return _decoded(await self._read(self._connection.read_until(b"\n", deadline_s))).rstrip("\r\n")

    async def _read(self, reading: Coroutine[Any, Any, bytes]) -> bytes:
        try:
            return await reading
        except EOFError as error:
            raise HungUpError(str(error)) from None
        except EndlessError:
            raise AgiError(f"more than {MAX_UNREAD_BYTES} bytes without an end") from None


def _in_s(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace")


def _unless_hung_up(result: int) -> int:
    if result == -1:
        raise HungUpError("result=-1")
    return result
