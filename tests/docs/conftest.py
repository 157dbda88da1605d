"""A daemon without Asterisk whose API wants a key, as a CRM on another machine meets it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.api.asking import command
from tests.api.conftest import running_dialer
from tests.docs.pages import DOCS
from tests.rig.daemon import Dialer
from tests.rig.receiver import SECRET

EXAMPLES = DOCS / "examples"
CLIENTS = {"python": (sys.executable, str(EXAMPLES / "python/crm.py")), "php": ("php", str(EXAMPLES / "php/crm.php"))}
SETTINGS: dict[str, dict[str, Any]] = {
    "auth": {"trust_local": False},
    "webhooks": {"secret": SECRET, "allow": ["127.0.0.0/8"]},
}


@dataclass(frozen=True)
class Crm:
    """Where an example runs: a folder of its own, and how it finds the daemon."""

    dialer: Dialer
    key: str
    folder: Path

    async def client(self, language: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the example of a CRM's side."""
        return await self.run(*CLIENTS[language], *arguments, **environment)

    async def run(self, *program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run an example to its end, with a key."""
        return await asyncio.to_thread(
            subprocess.run, program, cwd=self.folder, env=self.environment(**environment), capture_output=True,
            text=True, check=False, timeout=60,
        )  # fmt: skip

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "AUTODIALER_URL": self.dialer.url,
            "AUTODIALER_KEY": self.key,
            **more,
        }


@pytest_asyncio.fixture(scope="session")
async def guarded() -> AsyncIterator[tuple[Dialer, str]]:
    """A daemon for all examples, and the key to it."""
    async with running_dialer(SETTINGS) as dialer:
        key = command(dialer, "apikey", "add", "crm").strip()
        assert dialer.session is not None
        dialer.session.headers["Authorization"] = f"Bearer {key}"
        yield dialer, key


@pytest.fixture
def crm(guarded: tuple[Dialer, str], tmp_path: Path) -> Crm:
    return Crm(*guarded, tmp_path)
