"""What the process that reads a large body tells the daemon: `marshal`'s values, each behind its length."""

import marshal
import struct
from typing import Any

LENGTH = struct.Struct(">I")
TROUBLE = "trouble"
"""Key of a frame that says why there is no answer, or no more of it."""
COUNTED = "counted"
"""Key of a frame with what is known of a list that has been read."""


def as_frame(value: Any) -> bytes:
    frame = marshal.dumps(value)
    return LENGTH.pack(len(frame)) + frame


def value_of(frame: bytes) -> Any:
    """Behind the length."""
    return marshal.loads(frame)  # noqa: S302  # nosec B302 - of our own process
