"""What calls answer that look at a table: the shapes, as /openapi.json shows them."""

from pydantic import BaseModel, ConfigDict

from dialer.api.mikopbx.replies import Done, SheetNumber


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class SheetNumberWithParams(SheetNumber):
    """A telephone number out of a table, and what stands beside it."""

    params: dict[str, str]
    """The cells of the row's other columns by their titles, those that are not empty."""


class SheetNumbersWithParams(Done[list[SheetNumberWithParams]]):
    """A table was read by `params`."""

    data: list[SheetNumberWithParams]
    """Each number once, in the table's order: the `numbers` of a task."""
    messages: list[str]
    """What is wrong with other cells and titles, by row and column; the first 20."""


class WrongCell(_Shown):
    """Something in a table that is no telephone number."""

    row: int
    """As a spreadsheet counts them, from 1."""
    column: int | None
    """From 1; null: the whole row."""
    reason: str
    """What was expected."""


class WrongCells(_Shown):
    count: int
    """How many."""
    first: list[WrongCell]
    """The first 20."""


class PlacedNumber(_Shown):
    """A number, and where it stands in the table."""

    row: int
    """As a spreadsheet counts them, from 1."""
    column: int
    """From 1."""
    number: str
    """As it would be dialled."""


class PlacedNumbers(_Shown):
    count: int
    """How many."""
    first: list[PlacedNumber]
    """The first 20."""


class DoubtedNumber(PlacedNumber):
    """A number that no numbering plan has."""

    reason: str
    """Why it is none, as far as is known."""


class DoubtedNumbers(_Shown):
    count: int
    """How many."""
    first: list[DoubtedNumber]
    """The first 20."""


class TableForecastShown(_Shown):
    """What would become of a table's numbers; each is counted once."""

    new: PlacedNumbers
    """Would be added and could be dialled now."""
    duplicate: PlacedNumbers
    """Stand in the table again, or in the task already."""
    invalid: WrongCells
    """Cells and rows that are left out, and why."""
    doubtful: DoubtedNumbers
    """No number of any country, as far as is known; they would be dialled all the same."""
    stopped: PlacedNumbers
    """On the stop list of all tasks, or of the task."""
    outsideWindow: PlacedNumbers
    """New, but their subscribers may not be called at this hour."""
    clients: int
    """How many clients the table's numbers belong to."""


class TableForecast(Done[TableForecastShown]):
    """A table was looked at; nothing is stored."""

    data: TableForecastShown
    """What would become of it."""
    messages: list[str]
    """What is wrong with cells, by row and column; the first 20."""
