"""The process that reads one file from its standard input: `python -m dialer.api.sheets.worker LIMITS`.

It writes frames: four bytes of length, then JSON. Lists are rows; the last frame is an object, {"rows": how many} or
{"error": "…"}.
"""

import json
import os
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import BinaryIO

from dialer.api.sheets.limits import Limits, Row, SheetError
from dialer.api.sheets.reading import read_rows

LENGTH_BYTES = 4
FRAME_CHARACTERS = 65_536
_NICENESS = 10


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    confine(limits)
    warnings.simplefilter("ignore")  # openpyxl tells of styles and extensions that it leaves out
    rows = 0
    last: dict[str, object]
    try:
        for frame in _frames(read_rows(sys.stdin.buffer.read(), limits)):
            rows += len(frame)
            _write(sys.stdout.buffer, frame)
        last = {"rows": rows}
    except SheetError as error:
        last = {"error": str(error)}
    _write(sys.stdout.buffer, last)
    sys.stdout.buffer.flush()


def confine(limits: Limits) -> None:
    """Bound this process for good. No time but the processor's: whoever started us looks at the clock."""
    processor_s = int(limits.time_s) + 5
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICENESS)


def _frames(rows: Iterator[Row]) -> Iterator[list[Row]]:
    frame: list[Row] = []
    characters = 0
    for row in rows:
        frame.append(row)
        characters += sum(map(len, row)) + len(row) + 1
        if characters > FRAME_CHARACTERS:
            yield frame
            frame, characters = [], 0
    if frame:
        yield frame


def _write(output: BinaryIO, content: object) -> None:
    frame = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    output.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)


if __name__ == "__main__":
    main()
