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


class Repeats(_Shown):
    """What a number repeats."""

    row: int | None
    """Where it stands first; null: in the task already."""
    number: str
    """As it stands there."""


class RepeatedNumber(PlacedNumber):
    """A number that would not be added."""

    sameAs: Repeats
    """Perhaps in another form: 8… and +7… are one subscriber."""


class RepeatedNumbers(_Shown):
    count: int
    """How many."""
    otherForm: int
    """How many of them are written otherwise than what they repeat."""
    first: list[RepeatedNumber]
    """The first 20."""


class FormShown(_Shown):
    """How some of the numbers are written."""

    country: str
    """The code of their country: `+7`."""
    written: str
    """What stands before the national number: `+7`, `7`, `8`, nothing."""
    count: int
    """How many."""
    first: PlacedNumber
    """The first of them."""


class ColumnShown(_Shown):
    column: int
    """From 1."""
    title: str
    """Of the header's last row; empty: none."""


class ParamColumn(ColumnShown):
    """A column that `params` has, by its title."""

    filled: int
    """How many of the numbers have something there."""
    used: bool | None
    """Whether a text says it; null: it is not known which polling."""


class LeftOutColumn(ColumnShown):
    reason: str
    """Why `params` has it not."""


class ColumnsShown(_Shown):
    """What the columns are taken for. Empty ones are not told."""

    phones: list[ColumnShown]
    """Telephone numbers."""
    params: list[ParamColumn]
    """Values for `<title>` in texts."""
    leftOut: list[LeftOutColumn]
    """Neither."""
    missing: list[str]
    """What texts say by `<name>` and no column has: nothing is said for it, unless the client's properties have it."""


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
    duplicate: RepeatedNumbers
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
    """How many subscribers the table's numbers belong to: a row is one."""
    forms: list[FormShown]
    """How those that would be dialled are written, the most frequent first, 20 at the most; without doubtful ones."""
    mixedForms: bool
    """Whether numbers of one country are written in several forms: the outgoing routes must know each of them."""
    e164: bool
    """Whether they are dialled in their international form, as the task's `e164` says; false: as they are written."""
    columns: ColumnsShown
    """What the columns are taken for."""


class TableForecast(Done[TableForecastShown]):
    """A table was looked at; nothing is stored."""

    data: TableForecastShown
    """What would become of it."""
    messages: list[str]
    """What is wrong with cells, by row and column; the first 20."""
