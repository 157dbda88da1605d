"""The stage: the rig with a relay before the AMI and one small disk for all, and what can be done to it."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.scenario import SETTINGS
from tests.chaos.witness import Witness
from tests.rig.daemon import Dialer
from tests.rig.pbx import Pbx
from tests.rig.relay import Relay
from tests.rig.sipp import Sipp
from tests.rig.small_disk import SmallDisk
from tests.rig.waiting import WaitTimeout, wait_until

START_AGAIN_S = 0.5
START_TIMEOUT_S = 60.0


@dataclass
class Relayed:
    """An Asterisk whose AMI is reached through the relay (tests.rig.daemon.PbxAddress)."""

    ami_username: str
    ami_secret: str
    ami_port: int
    spool_dir: Path


@dataclass
class Stage:
    """Everything a run needs. Times are Unix seconds."""

    pbx: Pbx
    provider: Sipp
    employees: Sipp
    dialer: Dialer
    relay: Relay
    disk: SmallDisk
    witness: Witness
    daemon_deaths: list[float] = field(default_factory=list)
    asterisk_deaths: list[float] = field(default_factory=list)
    full_from_to: list[tuple[float, float]] = field(default_factory=list)
    failed_starts: list[str] = field(default_factory=list)
    """What the daemon said each time it ended instead of starting."""

    @property
    def daemon_runs(self) -> bool:
        try:
            return self.dialer.pid > 0
        except RuntimeError:
            return False

    async def kill_daemon(self) -> None:
        await self.dialer.kill()
        self.daemon_deaths.append(time.time())

    async def start_daemon(self) -> None:
        """Start it until it serves, as a service manager does: on a full disk it may need several attempts."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                await self.dialer.start()
            except WaitTimeout as error:
                if "exit code -9" in str(error):  # killed while it started
                    continue
                with contextlib.suppress(RuntimeError):  # it has not ended, and does not serve
                    await self.dialer.kill()
                self.failed_starts.append(f"{error}\n{self.dialer.log_tail(5)}")
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(START_AGAIN_S)
            else:
                return

    async def kill_asterisk(self) -> None:
        self.pbx.kill()
        self.asterisk_deaths.append(time.time())
        await self.witness.lose()

    async def start_asterisk(self) -> None:
        """Start it with fresh lines: calls whose Asterisk died would play their keys into the next ones' ports."""
        await wait_until(lambda: not self.pbx.is_running, "Asterisk is gone")
        for sipp in (self.provider, self.employees):
            await wait_until(lambda port=sipp.port: _nothing_waits(port), "SIPp has read what was sent to it")  # type: ignore[misc]
            await sipp.stop()
            await sipp.start()
        await self.pbx.start()
        await self.witness.see(self.pbx)

    def fill_disk(self) -> None:
        self.disk.fill()
        self.full_from_to.append((time.time(), float("inf")))

    async def free_disk(self) -> None:
        await self.disk.free()
        self.full_from_to[-1] = (self.full_from_to[-1][0], time.time())


@asynccontextmanager
async def running_stage(workdir: Path) -> AsyncIterator[Stage]:
    """Start all of it below `workdir` (a short path), stop all of it afterwards. Logs stay in `workdir`."""
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(_disk_in(workdir / "pbx"))
        sipps = []
        for name, make in (("provider", Sipp.provider), ("employees", Sipp.employees), ("registrar", Sipp.registrar)):
            (workdir / name).mkdir(parents=True, exist_ok=True)
            sipp = make(workdir / name)
            stack.push_async_callback(sipp.close)
            await sipp.start()
            sipps.append(sipp)
        provider, employees, registrar = sipps
        pbx = Pbx(
            workdir / "pbx",
            provider_port=provider.port,
            employees_port=employees.port,
            registrar_port=registrar.port,
        )
        stack.push_async_callback(pbx.close)
        await pbx.start()
        witness = Witness()
        stack.push_async_callback(witness.lose)
        await witness.see(pbx)
        relay = Relay(pbx.ami_port)
        stack.push_async_callback(relay.close)
        await relay.start()
        address = Relayed(pbx.ami_username, pbx.ami_secret, relay.port, pbx.spool_dir)
        dialer = Dialer(workdir / "dialer", address, SETTINGS)
        # The rig's log and settings stay off the disk, so that a full one hides nothing from us.
        dialer.database = disk.folder / "dialer" / "dialer.db"
        stack.push_async_callback(dialer.close)
        await dialer.start()
        await dialer.wait_dialling()
        yield Stage(pbx, provider, employees, dialer, relay, disk, witness)


@contextmanager
def _disk_in(pbx_dir: Path) -> Iterator[SmallDisk]:
    """The small disk with what daemon and Asterisk write: spool, AstDB, prompts, database.

    It lies in Asterisk's work folder, because that is what Asterisk's root sees of this machine. What only the rig
    writes at each start (settings, sounds) stays outside, or Asterisk could not be started while the disk is full.
    """
    with SmallDisk(pbx_dir / "disk") as disk:
        for name in ("spool", "varlib", "audio"):
            (disk.folder / name).mkdir()
            (pbx_dir / name).symlink_to(disk.folder / name)
        (pbx_dir / "moh").mkdir()
        (disk.folder / "varlib" / "moh").symlink_to(pbx_dir / "moh")
        try:
            yield disk
        finally:
            shutil.copytree(disk.folder / "dialer", pbx_dir / "database", dirs_exist_ok=True)


def _nothing_waits(port: int) -> bool:
    """Whether the receive queue of this UDP port of 127.0.0.1 is empty."""
    wanted = f"0100007F:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return all(row[4].partition(":")[2] == "00000000" for row in rows if row[1] == wanted)
