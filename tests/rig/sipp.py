"""SIPp as SIP provider with its subscribers, and as the employees' telephones."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.rig.captures import write_captures
from tests.rig.ports import PortBlock
from tests.rig.waiting import WaitTimeout, wait_until

SCENARIO_DIR = Path(__file__).resolve().parent / "scenarios"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0

# Index in the port block. Media has one port for all calls: SIPp's raw sockets take it as source only.
_SIP, _CONTROL, _MEDIA = 1, 2, 10
_UDP_PORTS = 14  # SIPp binds the media port and its next ones for its echo

# SIPp 3.6.1 opens one raw socket for each call that plays a capture, and Linux hands every raw socket a copy of
# each UDP packet for its address. On an address of its own it does not get the other calls' packets.
MEDIA_ADDRESS = "127.0.0.2"

# What SIPp 3.6.1 writes into its error file although the scenario means it so.
_NOT_A_COMPLAINT = re.compile(r"^The following events occurred:\s*$|receive timeout on message \S+ jumping to label")


class SippError(RuntimeError):
    """SIPp could not be started or died; the message holds what it said."""


@dataclass(frozen=True)
class SippEvent:
    """One line of the scenario's log.

    `what`: INVITE (a new Call-ID came in), ANSWERED (the ACK came in), REFUSED, CANCEL (the PBX gave up),
    HUNG_UP (our side sends BYE), PRESSED (the PBX has taken a key: bench/scenarios/respondents.xml), BYE (the PBX hung
    up; seen 500 ms late when it did so within milliseconds of the answer and the subscriber is not one of those who
    stay silent).
    """

    time_s: float  # Unix time
    what: str
    number: str
    call_id: str
    caller: str = ""  # of an INVITE: the user part of From


class Sipp:
    """One SIPp process that takes calls. The log goes on over `stop()` and `start()`."""

    def __init__(self, scenario: Path, workdir: Path) -> None:
        """Take ports; nothing runs yet. `port` is where it will listen on 127.0.0.1, UDP."""
        self.workdir = workdir.resolve()
        self._scenario = scenario
        self._ports = PortBlock(udp_ports=_UDP_PORTS, tcp_ports=1)
        self.port = self._ports.port(_SIP)
        self._process: asyncio.subprocess.Process | None = None
        self._runs = 0

    @classmethod
    def provider(cls, workdir: Path) -> Self:
        """Return the SIP provider with all subscribers (numbers.BEHAVIOURS)."""
        return cls(SCENARIO_DIR / "subscribers.xml", workdir)

    @classmethod
    def employees(cls, workdir: Path) -> Self:
        """Return the telephones of the employees (numbers.EMPLOYEES)."""
        return cls(SCENARIO_DIR / "employees.xml", workdir)

    @classmethod
    def registrar(cls, workdir: Path) -> Self:
        """Return a provider that refuses registrations and calls with 403."""
        return cls(SCENARIO_DIR / "registrar.xml", workdir)

    @property
    def pid(self) -> int:
        """Return the process id; SippError when it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise SippError(f"{self._scenario.name} is not running")
        return self._process.pid

    async def start(self) -> None:
        """Start SIPp; return when it takes calls."""
        if self._process is not None and self._process.returncode is None:
            raise SippError(f"{self._scenario.name} is running already")
        await asyncio.to_thread(write_captures, self.workdir)
        # SIPp 3.6.1 looks for captures beside the scenario.
        shutil.copy(self._scenario, self.workdir)
        self._runs += 1
        # A terminal's size and type are of no concern, but curses wants a type (3.6.1).
        environment = {**os.environ, "TERM": "xterm"}
        with self._output_file().open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                cwd=self.workdir,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            await wait_until(self._listens_or_dead, f"{self._scenario.name} on port {self.port}", START_TIMEOUT_S)
        except WaitTimeout as error:
            await self.stop()
            raise SippError(f"{error}\n{self._said()}") from error

    async def stop(self) -> None:
        """Kill SIPp: its calls just fall silent. Harmless when repeated."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)

    async def close(self) -> None:
        """Stop for good and give the ports back."""
        await self.stop()
        self._ports.release()

    def events(self) -> list[SippEvent]:
        """Return all that happened since the first start, in order; a line appears as it happens."""
        return [event for run in range(1, self._runs + 1) for event in _read_log(self.workdir / f"calls-{run}.log")]

    def invites(self) -> Counter[str]:
        """Return how often each number was dialled: calls, not retransmissions."""
        return Counter(event.number for event in self.events() if event.what == "INVITE")

    def complaints(self) -> str:
        """Return what SIPp found unexpected, empty when all went by the scenario."""
        paths = (self.workdir / f"errors-{run}.log" for run in range(1, self._runs + 1))
        text = "".join(path.read_text(errors="replace") for path in paths if path.exists())
        entries = re.split(r"\d{4}-\d\d-\d\d\t[\d:.]+\t[\d.]+: ", text)
        return "\n".join(entry for entry in entries if entry and not _NOT_A_COMPLAINT.search(entry))

    def _command(self) -> list[str]:
        # fmt: off
        return [
            "setpriv", "--pdeathsig", "KILL", "--",  # nothing stays behind when the test process dies
            "sipp", "-sf", self._scenario.name,
            "-i", "127.0.0.1", "-p", str(self.port), "-t", "u1",
            "-mi", MEDIA_ADDRESS, "-mp", str(self._ports.port(_MEDIA)),
            "-cp", str(self._ports.port(_CONTROL)),  # unused, but two SIPps must not meet at its default
            "-nostdin",
            "-aa",  # OPTIONS, UPDATE, INFO, NOTIFY get their 200
            "-default_behaviors", "all,-abortunexp",  # something unexpected ends no call
            "-timer_resol", "5",  # ms
            "-trace_logs", "-log_file", f"calls-{self._runs}.log",
            "-trace_err", "-error_file", f"errors-{self._runs}.log",
        ]
        # fmt: on

    def _listens_or_dead(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            raise SippError(f"{self._scenario.name} ended at once:\n{self._said()}")
        return _listens_on_udp(self.port)

    def _output_file(self) -> Path:
        return self.workdir / f"output-{self._runs}.txt"

    def _said(self) -> str:
        text = self._output_file().read_text(errors="replace")
        return re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]", "", text)[-2_000:] + self.complaints()[-2_000:]


def _read_log(path: Path) -> list[SippEvent]:
    if not path.exists():
        return []
    events: list[SippEvent] = []
    # Only whole lines: SIPp may be writing the last one now.
    for line in path.read_text().rpartition("\n")[0].splitlines():
        seconds, microseconds, what, number, call_id, *caller = line.split(" ", 5)
        before_s = events[-1].time_s if events else 0.0
        # once in a hundred thousand lines SIPp leaves its time out
        time_s = float(seconds) + float(microseconds) / 1e6 if seconds and microseconds else before_s
        events.append(SippEvent(time_s, what, number, call_id, *caller))
    return events


def _listens_on_udp(port: int) -> bool:
    """Whether someone has bound the port: asked of the kernel, since UDP cannot be tried without sending."""
    wanted = f"0100007F:{port:04X}"
    return any(line.split()[1] == wanted for line in Path("/proc/net/udp").read_text().splitlines()[1:])
