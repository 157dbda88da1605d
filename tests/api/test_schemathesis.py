"""Schemathesis asks the daemon whatever /openapi.json allows, and what it forbids: every check must hold."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.asking import ask, command
from tests.api.conftest import running_dialer
from tests.api.schemathesis_hooks import CONFLICT, INVALID, KEY_NAME, LOGIN, TALLY

SEED = 20261125
MAX_EXAMPLES = 5
TIME_LIMIT_S = 600.0
NEVER_DONE = {
    "GET /pbxcore/api/module-dialer/v1/recording/{name}",
    "DELETE /pbxcore/api/module-dialer/v1/access/keys/{name}",
    "DELETE /pbxcore/api/module-dialer/v1/access/sessions/{id}",
    "DELETE /console/v1/sessions/{id}",
}
"""There is no recording where nobody was called, no key but the run's own, no session."""
ITSELF = "GET /openapi.json"
"""Schemathesis does not test what it reads the description from."""
HERE = Path(__file__).parent


HANGS_S = "60"
"""Who has no answer by then gets none: with other tests beside it an export waits for its process."""


@dataclass(frozen=True)
class Run:
    exit_code: int
    output: str
    answered: dict[str, dict[int, int]]
    """By call (`GET /task`): how often each status was the answer."""


async def run_schemathesis(
    url: str, headers: Mapping[str, str], *, seed: int = SEED, max_examples: int = MAX_EXAMPLES
) -> Run:
    """One run over a daemon. `headers` go with every request, the login among them."""
    said = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile(prefix="schemathesis-", suffix=".json") as tally:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{url}/openapi.json", "--no-color", "--seed", str(seed), "--max-examples", str(max_examples)),
            *("--checks", "all", "--continue-on-failure", "--request-timeout", HANGS_S, *said),
            cwd=HERE.parents[1],
            env={**os.environ, TALLY: tally.name},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        counted = json.loads(Path(tally.name).read_text() or "{}")
    answered = {call: {int(status): times for status, times in statuses.items()} for call, statuses in counted.items()}
    return Run(process.returncode, output.decode(), answered)


async def test_every_call_does_what_the_description_says() -> None:
    settings: dict[str, dict[str, Any]] = {
        "tts": {"engine": "espeak-ng"},
        "auth": {"trust_local": False},
        "http": {"trusted_proxies": ["127.0.0.1"]},
    }
    async with running_dialer(settings) as dialer:
        login = {"Authorization": f"Bearer {command(dialer, 'apikey', 'add', KEY_NAME, '--role', 'admin').strip()}"}
        run = await run_schemathesis(dialer.url, login)
        print(run.output)
        print(*(f"{call}: {statuses}" for call, statuses in sorted(run.answered.items())), sep="\n")
        assert run.exit_code == 0, run.output
        assert "ERROR dialer." not in dialer.log_file.read_text()
        document = (await ask(dialer, "GET", "/openapi.json", headers=login)).json
    calls = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(run.answered) == set(calls) - {ITSELF}
    assert {call for call, statuses in run.answered.items() if not {200, CONFLICT} & set(statuses)} <= NEVER_DONE
    for call, operation in calls.items():
        wrong = INVALID if LOGIN not in call else CONFLICT
        assert "requestBody" not in operation or run.answered[call].get(wrong), f"nothing wrong was sent to {call}"
