"""A test that hangs says where."""

import signal
from collections.abc import Iterator

import pytest

LONGEST_S = 60


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    def fail(*_: object) -> None:
        raise AssertionError(f"still running after {LONGEST_S} s: see the last line of the trace")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
