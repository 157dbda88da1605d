"""A daemon without Asterisk whose API wants a key, as a CRM on another machine meets it."""

import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from tests.api.asking import command
from tests.api.conftest import running_dialer
from tests.rig.daemon import Dialer
from tests.rig.receiver import SECRET

SETTINGS = {
    "auth": {"trust_local": False},
    "webhooks": {"secret": SECRET, "allow": ["127.0.0.0/8"]},
}


@dataclass(frozen=True)
class Crm:
    """Where an example runs: a folder of its own, and how it finds the daemon."""

    dialer: Dialer
    key: str
    folder: Path

    def run(self, *program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run an example to its end, with a key."""
        return subprocess.run(
            program, cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "AUTODIALER_URL": self.dialer.url,
            "AUTODIALER_KEY": self.key,
            **more,
        }


@pytest_asyncio.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Crm]:
    async with running_dialer(SETTINGS) as dialer:
        key = command(dialer, "apikey", "add", "crm").strip()
        assert dialer.session is not None
        dialer.session.headers["Authorization"] = f"Bearer {key}"
        yield Crm(dialer, key, tmp_path)
