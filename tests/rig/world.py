"""Everything a call needs: Asterisk, the provider with its subscribers, the employees, the dialer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.daemon import COMMAND, Dialer
from tests.rig.pbx import Pbx
from tests.rig.sipp import Sipp


@dataclass(frozen=True)
class World:
    pbx: Pbx
    provider: Sipp
    employees: Sipp
    registrar: Sipp
    dialer: Dialer


@asynccontextmanager
async def running_world(
    workdir: Path,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    program: tuple[str, ...] | None = COMMAND,
) -> AsyncIterator[World]:
    """Start all of it below `workdir` (a short path), stop all of it afterwards; `program` as `Dialer` has it."""
    async with AsyncExitStack() as stack:
        for folder in ("provider", "employees", "registrar"):
            (workdir / folder).mkdir(parents=True, exist_ok=True)
        provider = Sipp.provider(workdir / "provider")
        stack.push_async_callback(provider.close)
        await provider.start()
        employees = Sipp.employees(workdir / "employees")
        stack.push_async_callback(employees.close)
        await employees.start()
        registrar = Sipp.registrar(workdir / "registrar")
        stack.push_async_callback(registrar.close)
        await registrar.start()
        pbx = Pbx(
            workdir / "pbx",
            provider_port=provider.port,
            employees_port=employees.port,
            registrar_port=registrar.port,
        )
        stack.push_async_callback(pbx.close)
        await pbx.start()
        dialer = Dialer(workdir / "dialer", pbx, settings)
        dialer.program = program
        stack.push_async_callback(dialer.close)
        await dialer.start()
        await dialer.wait_dialling()
        yield World(pbx, provider, employees, registrar, dialer)
