"""What a list may be at most, and how it is said that one cannot be read."""

from dataclasses import dataclass

Row = tuple[str, ...]
"""The texts of a row's cells, without the empty ones at its end; () for a blank row."""


class SheetError(Exception):
    """The sender's fault: the file is not a list that can be read. The text says what is wrong with it, and where."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one file. What they guard: the time and memory of this machine, whatever the file says of itself."""

    rows: int = 1_000_000
    columns: int = 256
    cell_characters: int = 10_000
    cells: int = 3_000_000
    """The daemon keeps them while it looks for telephone numbers: some 250 MB."""
    characters: int = 100_000_000
    """Of all cells: a workbook can name one long text a million times."""
    inflated_bytes: int = 512 * 1024 * 1024
    """Of all the parts of an XLSX file together: a million rows of five columns take 300 MB."""
    memory_bytes: int = 1024 * 1024 * 1024
    """Address space of the process that reads."""
    time_s: float = 180.0
    """A million rows of three columns took 99 s as XLSX and 12 s as CSV, on two busy cores."""


LIMITS = Limits()
