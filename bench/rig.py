"""What calls of the bench go through: the real Asterisk and a provider as light as SIPp can be."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.daemon import Dialer
from tests.rig.pbx import Pbx
from tests.rig.sipp import Sipp

_HERE = Path(__file__).resolve().parent
SCENARIOS = _HERE / "scenarios"
SETTINGS: Mapping[str, Mapping[str, Any]] = {"log": {"level": "WARNING"}, "dialing": {"shutdown_grace_s": 15}}


@dataclass(frozen=True)
class Line:
    """Asterisk and its provider."""

    pbx: Pbx
    provider: Sipp


@asynccontextmanager
async def running_line(folder: Path, scenario: str, etc: Path | None = None) -> AsyncIterator[Line]:
    """Until the block is left. `scenario`: a file of `bench/scenarios`; `etc`: as `Pbx` has `templates`."""
    (folder / "provider").mkdir(parents=True)
    provider = Sipp(SCENARIOS / scenario, folder / "provider")
    pbx = Pbx(
        folder / "pbx", provider_port=provider.port, employees_port=provider.port, templates=etc or _HERE / "etc"
    )  # fmt: skip
    try:
        await provider.start()
        await pbx.start()
        yield Line(pbx, provider)
    finally:
        await pbx.close()
        await provider.close()


@asynccontextmanager
async def running_daemon(
    folder: Path, line: Line, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> AsyncIterator[Dialer]:
    """A daemon that dials, until the block is left. It runs as its users start it: by its command."""
    dialer = Dialer(folder, line.pbx, {**SETTINGS, **(settings or {})})
    try:
        await dialer.start()
        await dialer.wait_dialling()
        yield dialer
    finally:
        await dialer.close()


def cpu_s(pid: int) -> float:
    """What a process has used of processors so far, seconds (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
