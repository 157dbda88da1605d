"""An Asterisk that nobody has installed the dialer beside yet, and the `dialer install` that does."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.daemon import COMMAND, Dialer
from tests.rig.pbx import Pbx
from tests.rig.sipp import Sipp

TIMEOUT_S = 30.0


class BarePbx(Pbx):
    """The rig's Asterisk without a word of the dialer; its configuration is written once."""

    def _write_workdir(self, root: Path) -> None:
        if (self.etc_dir / "asterisk.conf").exists():
            return
        super()._write_workdir(root)
        for file in self.etc_dir.glob("*_autodialer.conf"):
            file.unlink()
        for file in self.etc_dir.glob("*.conf"):
            lines = file.read_text().splitlines(keepends=True)
            file.write_text(
                "".join(line for line in lines if "_autodialer.conf" not in line and "autodialer-blf" not in line)
            )


@dataclass(frozen=True)
class Site:
    """A machine with an Asterisk, before and after."""

    pbx: BarePbx
    provider: Sipp
    dialer: Dialer

    @property
    def config(self) -> tuple[str, str]:
        return "--config", str(self.dialer.config_file)

    async def install(self, *more: str) -> tuple[int, str]:
        http_port, agi_port = self.dialer.ports
        ports = ("--http-port", str(http_port), "--agi-port", str(agi_port), "--cli-port", str(self.pbx.cli_port))
        folders = ("--data-dir", str(self.pbx.workdir / "data"), "--systemd-dir", str(self.pbx.workdir / "systemd"))
        etc = ("--asterisk-etc", str(self.pbx.etc_dir))
        return await run_dialer("install", *etc, *self.config, *folders, *ports, "--no-user", *more)

    async def uninstall(self, *more: str) -> tuple[int, str]:
        return await run_dialer("uninstall", *self.config, *more)

    async def doctor(self, *more: str) -> tuple[int, str]:
        return await run_dialer("doctor", *self.config, *more)


@asynccontextmanager
async def bare_site(folder: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        provider, employees = Sipp.provider(folder / "provider"), Sipp.employees(folder / "employees")
        for part in (provider, employees):
            part.workdir.mkdir(parents=True)
            stack.push_async_callback(part.close)
            await part.start()
        pbx = BarePbx(folder / "pbx", provider_port=provider.port, employees_port=employees.port)
        stack.push_async_callback(pbx.close)
        await pbx.start()
        dialer = Dialer(folder / "dialer", pbx)
        dialer.writes_settings = False
        stack.push_async_callback(dialer.close)
        yield Site(pbx, provider, dialer)


async def run_dialer(*arguments: str) -> tuple[int, str]:
    """Exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(TIMEOUT_S):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, bytes | None]]:
    """Mode, owner, group and content of everything below."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid, content)
    return found
