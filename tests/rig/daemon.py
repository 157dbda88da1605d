"""The dialer as its users run it: a process of its own, spoken to over REST."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from tests.rig.forked import Forked
from tests.rig.ports import PortBlock
from tests.rig.waiting import WaitTimeout, wait_for_answer

BASE = "/pbxcore/api/module-dialer/v1"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 30.0
COMMAND = (str(Path(sys.executable).with_name("dialer")),)
_HTTP, _AGI = 1, 2


class PbxAddress(Protocol):
    """Which Asterisk the daemon is told to drive. (`Pbx` is one; a closed port is another.)"""

    ami_username: str
    ami_secret: str
    ami_port: int
    spool_dir: Path


class Dialer:
    """One daemon beside one Asterisk. `start()` may follow `stop()` or `kill()`: same database, same ports."""

    def __init__(self, workdir: Path, pbx: PbxAddress, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Take ports; `settings` (section, key, value) are laid over the rig's own."""
        self.workdir = workdir.resolve()
        self.workdir.mkdir(parents=True, exist_ok=True)
        self._ports = PortBlock(udp_ports=0, tcp_ports=2)
        has_tls = "tls_certificate" in (settings or {}).get("http", {})
        self.url = f"{'https' if has_tls else 'http'}://127.0.0.1:{self._ports.port(_HTTP)}"
        self.database = self.workdir / "dialer.db"
        self.config_file = self.workdir / "dialer.toml"
        self.log_file = self.workdir / "dialer.log"
        self._pbx = pbx
        self._settings = settings or {}
        self.writes_settings = True
        """False: they are there, written by `dialer install`."""
        self.program: tuple[str, ...] | None = COMMAND
        """None: a fork, which starts ten times as fast."""
        self._process: asyncio.subprocess.Process | Forked | None = None
        self.session: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int:
        if self._process is None or self._process.returncode is not None:
            raise RuntimeError("the dialer is not running")
        return self._process.pid

    @property
    def ports(self) -> tuple[int, int]:
        """REST's and FastAGI's."""
        return self._ports.port(_HTTP), self._ports.port(_AGI)

    @property
    def memory_mb(self) -> float:
        """What the process holds in memory now."""
        return self._memory_mb("VmRSS")

    @property
    def most_memory_mb(self) -> float:
        """What it has held at once since its start."""
        return self._memory_mb("VmHWM")

    def _memory_mb(self, name: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) / 1024

    async def start(self) -> None:
        """Write the settings, start the daemon, return when it serves REST."""
        if self.writes_settings:
            self.config_file.write_text(_as_toml(self._merged_settings()))
        arguments = ("serve", "--config", str(self.config_file))
        if self.program is None:
            self._process = Forked(arguments, self.log_file)
        else:
            with self.log_file.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *("setpriv", "--pdeathsig", "KILL", "--"),
                    *self.program,
                    *arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False))
        await self.wait_health(lambda _: True, "the dialer serves REST", START_TIMEOUT_S)

    @asynccontextmanager
    async def changed(self, settings: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[None]:
        """Run a stopped daemon with these settings over its own."""
        before = self._settings
        self._settings = {**before, **{name: {**before.get(name, {}), **values} for name, values in settings.items()}}
        await self.start()
        try:
            yield
        finally:
            await self.stop()
            self._settings = before

    async def stop(self) -> int:
        """SIGTERM; return the exit code when it has drained."""
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        await self._process.wait()

    async def close(self) -> None:
        """Stop for good, give the ports back. Raises TimeoutError for a daemon that had to be killed."""
        try:
            await self.stop()
        except TimeoutError:
            await self.kill()
            raise
        finally:
            if self.session is not None:
                await self.session.close()
                self.session = None
            self._ports.release()

    async def call(self, method: str, path: str, body: object = None, *, raw: bytes | str | None = None) -> Any:
        """Return the decoded JSON of one REST call below the module's base path."""
        assert self.session is not None, "start() first"
        if raw is None and body is not None:
            raw = json.dumps(body, ensure_ascii=False)
        data = None if raw is None else io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
        async with self.session.request(method, f"{self.url}{BASE}{path}", data=data) as response:
            return await response.json()

    async def data(self, method: str, path: str, body: object = None) -> Any:
        """Return `data` of a call that must succeed."""
        reply = await self.call(method, path, body)
        assert reply["result"] is True, reply
        return reply["data"]

    async def health(self) -> dict[str, Any]:
        assert self.session is not None, "start() first"
        async with self.session.get(f"{self.url}/health") as response:
            return dict(await response.json())

    async def wait_health(self, condition: Any, what: str, timeout_s: float = 15.0) -> dict[str, Any]:
        """Return the first health report that fulfils the condition."""
        return await self._wait_for(self._health_if_there, lambda report: report and condition(report), what, timeout_s)

    async def wait_dialling(self) -> None:
        await self.wait_health(lambda report: report["dialling"], "the dialer dials")

    async def wait_task(self, task_id: str, condition: Any, what: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """Return the task as soon as it fulfils the condition."""
        return await self._wait_for(lambda: self.data("GET", f"/task/{task_id}"), condition, what, timeout_s)

    async def wait_finished(self, task_id: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """Return the task when the engine has closed it."""
        return await self.wait_task(task_id, lambda task: task["state"] == "1", f"task {task_id} finished", timeout_s)

    def log_tail(self, lines: int = 30) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    async def _wait_for(self, ask: Any, accept: Any, what: str, timeout_s: float) -> dict[str, Any]:
        """As `wait_for_answer`, with the end of the daemon's log where it fails."""
        try:
            return dict(await wait_for_answer(ask, accept, what, timeout_s))
        except WaitTimeout as error:
            raise WaitTimeout(f"{error}\n{self.log_tail()}") from None

    async def _health_if_there(self) -> dict[str, Any]:
        """Empty while the daemon does not serve yet; WaitTimeout at once when it has ended."""
        if self._process is not None and self._process.returncode is not None:
            raise WaitTimeout(f"the dialer ended with exit code {self._process.returncode}")
        try:
            return await self.health()
        except aiohttp.ClientError:
            return {}

    def _merged_settings(self) -> dict[str, dict[str, Any]]:
        settings: dict[str, dict[str, Any]] = {
            "http": {"port": self._ports.port(_HTTP)},
            "store": {"url": f"sqlite:///{self.database}"},
            "ami": {"port": self._pbx.ami_port, "username": self._pbx.ami_username, "secret": self._pbx.ami_secret},
            "agi": {"port": self._ports.port(_AGI)},
            "cli": {"port": getattr(self._pbx, "cli_port", 0)},  # 0: that Asterisk has nobody at its CLI
            "asterisk": {"spool_dir": str(self._pbx.spool_dir)},
            "audio": {"dir": str(self._pbx.spool_dir.parents[1] / "audio")},
        }
        for section, values in self._settings.items():
            settings.setdefault(section, {}).update(values)
        return settings


def _as_toml(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Sections of texts, numbers and lists; JSON's spelling of these is TOML's too."""
    lines = []
    for section, values in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
