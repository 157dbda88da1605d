"""The promise of the README, put to the test: everything is killed, cut or filled up amid calls, again and again."""

import shutil
import tempfile
from pathlib import Path

from tests.chaos.chaos import chosen_seed, run_chaos
from tests.rig.pbx import REPO_DIR

PROMISE = """\
Every number ends with exactly one final result. The provider sees every number at most once per allowed attempt.
Every answer by key that the daemon acknowledged by going on to the next question is in the results. No channel slot
stays in use. Whatever is killed, cut or full in between: the daemon, Asterisk, the AMI connection, the disk."""


def test_the_readme_makes_the_promise_in_these_words() -> None:
    readme = (REPO_DIR / "README.md").read_text()
    assert " ".join(PROMISE.split()) in " ".join(readme.replace("**", "").split())


async def test_the_promise_is_kept_through_chaos() -> None:
    """With `CHAOS_SEED=…` in the environment: the same disturbances again. `make chaos` is the long run."""
    workdir = Path(tempfile.mkdtemp(prefix="dialer-chaos-", dir="/tmp"))
    seed = chosen_seed()
    findings = await run_chaos(workdir, seed, rounds=1, tell=print)
    assert not findings.broken, f"seed {seed}, logs are kept in {workdir}\n{findings.report()}"
    shutil.rmtree(workdir)
