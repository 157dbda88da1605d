"""What `dialer top` shows: a screen of text made of what the daemon said last. Knows neither daemon nor terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from gettext import gettext as _
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dialer.commands.tables import one_line
from dialer.commands.tasks import OPEN, PAUSED, is_stopped, successes, target_of, task_word

BARS = " ▁▂▃▄▅▆▇█"
BAR_WIDTH = 24
LEAST_NAMES = 8
Task = Mapping[str, Any]


@dataclass
class TopScreen:
    """The picture, and which task is selected in it."""

    tasks: Sequence[Task] = ()
    """Open ones first."""
    stats: Mapping[str, Any] = field(default_factory=lambda: {"minutes": [], "inProgress": 0, "maxChannels": 0})
    health: Mapping[str, Any] = field(default_factory=dict)
    now: datetime | None = None
    """When all this was asked for, in the PBX's zone."""
    trouble: str = ""
    """Why the daemon cannot be asked; the rest is what it said last."""
    message: str = ""
    """What came of the last key."""
    interactive: bool = True
    selected_id: int | None = None
    _first: int = 0

    @property
    def selected(self) -> Task | None:
        """The task that keys are about: the first one where the selected one is gone."""
        if not self.interactive or not self.tasks:
            return None
        return next((task for task in self.tasks if task["id"] == self.selected_id), self.tasks[0])

    def move(self, by: int) -> None:
        """Select another task, so many lines below."""
        if self.selected is not None:
            place = self.tasks.index(self.selected) + by
            self.selected_id = self.tasks[max(0, min(place, len(self.tasks) - 1))]["id"]

    def lines(self, width: int, height: int | None) -> RenderableType:
        """The picture in so many columns and lines; None: as many as it takes."""
        head = [self._title(), *self._troubles(), self._channels(width), *self._outcomes(), self._history(width)]
        foot = self._foot()
        room = len(self.tasks) if height is None else max(1, height - len(head) - len(foot) - 2)
        shown = [one_row(line, width) for line in head]
        return Group(*shown, Text(""), self._table(width, room), *(one_row(line, width) for line in foot))

    def _title(self) -> Text:
        health = self.health
        dialling = health.get("dialling")
        said = Text(f"dialer {health.get('version', '')}", style="bold")
        if health:
            said.append("  ")
            said.append(_("dialling") if dialling else _("not dialling"), style="green" if dialling else "bold red")
            said.append("  " + _("Asterisk: {state}").format(state=health.get("asterisk", "")))
        if self.now is not None:
            said.append(f"  {self.now:%H:%M:%S}", style="dim")
        return said

    def _troubles(self) -> list[Text]:
        said = [one_line(text) for text in (self.trouble, str(self.health.get("trouble") or "")) if text]
        return [Text(text, style="bold red") for text in said]

    def _channels(self, width: int) -> Text:
        used, most = self.stats["inProgress"], self.stats["maxChannels"]
        said = Text(_("calls in progress: "))
        if most:
            full = min(BAR_WIDTH, round(BAR_WIDTH * used / most))
            said.append("█" * full, style="green").append("░" * (BAR_WIDTH - full), style="dim").append(" ")
            said.append(_("{used} of {most}").format(used=used, most=most), style="bold")
        else:
            said.append(str(used), style="bold")
        minutes = self.stats["minutes"]
        if minutes:
            last, before = minutes[-1], minutes[-2] if len(minutes) > 1 else minutes[-1]
            said.append("  ")
            said.append(_("begun: {now} this minute, {before} the minute before").format(
                now=last["begun"], before=before["begun"]))  # fmt: skip
        return said

    def _outcomes(self) -> list[Text]:
        minutes = self.stats["minutes"]
        of_hour: dict[str, int] = {}
        for minute in minutes:
            for result, times in minute["results"].items():
                of_hour[result] = of_hour.get(result, 0) + times
        last = dict(minutes[-1]["results"]) if minutes else {}
        return [
            Text(_("this minute: ")).append_text(_counts(last)),
            Text(_("{count} minutes: ").format(count=len(minutes))).append_text(_counts(of_hour)),
        ]

    def _history(self, width: int) -> Text:
        ended = [sum(minute["results"].values()) for minute in self.stats["minutes"]]
        title = _("finished by the minute: ")
        ended = ended[-max(1, width - len(title) - 8) :]
        most = max(ended, default=0)
        bars = "".join(BARS[0 if not one else 1 + round((len(BARS) - 2) * one / most)] for one in ended)
        return Text(title).append(bars, style="cyan").append(f"  ≤{most}", style="dim")

    def _table(self, width: int, room: int) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), width=width, header_style="reverse")
        table.add_column(_("ID"), no_wrap=True, min_width=10)
        table.add_column(_("State"), no_wrap=True)
        table.add_column(_("Name"), no_wrap=True, overflow="ellipsis", ratio=1, min_width=LEAST_NAMES)
        table.add_column(_("To"), no_wrap=True, overflow="ellipsis")
        for title in (_("Calls"), _("Lines"), _("Waiting"), _("Done"), _("Good"), _("/min")):
            table.add_column(title, justify="right", no_wrap=True)
        selected = self.selected
        place = 0 if selected is None else self.tasks.index(selected)
        self._first = max(min(self._first, place), place - room + 1, 0)
        for task in self.tasks[self._first : self._first + room]:
            style = "bold" if task["inProgress"] else "" if task["state"] == OPEN else "dim"
            table.add_row(
                str(task["id"]),
                task_word(task),
                Text(one_line(task["name"])),
                Text(one_line(target_of(task))),
                *(str(task[key]) for key in ("inProgress", "maxCountChannels")),
                "-" if is_stopped(task) else str(task["waiting"]),
                str(task["done"]),
                str(successes(task)),
                str(task["perMinute"]),
                style=f"{style} reverse" if task is selected else style,
            )
        return table

    def _foot(self) -> list[Text]:
        if not self.interactive:
            return []
        selected = self.selected
        keys = [_("↑ ↓ select")]
        if selected is not None:
            keys.append(_("p resume") if selected["state"] == PAUSED else _("p pause"))
        return [Text(one_line(self.message), style="yellow"), Text("  ".join([*keys, _("q quit")]), style="reverse")]


def one_row(text: Text, width: int) -> Text:
    """A line that stays one."""
    text.no_wrap = True
    text.truncate(width, overflow="ellipsis")
    return text


def _counts(results: Mapping[str, int]) -> Text:
    said = Text()
    for result, times in sorted(results.items(), key=lambda one: -one[1]):
        said.append(f"{result} ", style="green" if result.startswith("SUCCESS") else "red").append(f"{times}  ")
    return said if results else Text("-", style="dim")
