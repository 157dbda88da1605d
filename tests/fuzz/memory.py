"""How much memory something takes, as Python's allocator counts it."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(peak_bytes: int) -> Iterator[None]:
    """Fails when what is done within takes more at any time."""
    tracemalloc.start()
    try:
        yield
        _, taken_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken_bytes < peak_bytes, f"{taken_bytes} bytes"
