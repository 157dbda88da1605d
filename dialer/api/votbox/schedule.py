"""dN, tsN, teN: when a template's calls may be made."""

import re
from collections.abc import Sequence

from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.form import Form
from dialer.model.rules import DayKind, DayWindow

MOST_RECORDS = 100
DAY_MIN = 1440
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?", re.ASCII)


def read_schedule(form: Form) -> list[list[int]]:
    """Day kind, first minute, last minute of each record, N from 0 to 99. Raises VotboxError."""
    windows: list[list[int]] = []
    for number in range(MOST_RECORDS):
        said = [form.text(f"{name}{number}") for name in ("d", "ts", "te")]
        if not any(said):
            continue
        day, start, end = (form.required(f"{name}{number}") for name in ("d", "ts", "te"))
        if day not in map(str, DayKind):
            raise VotboxError(Code.WRONG, f"d{number}: ожидается день от 1 до 9, получено {quoted(day)}")
        start_min, end_min = _minutes(f"ts{number}", start), _minutes(f"te{number}", end)
        if end_min == DAY_MIN - 1:  # the last minute that the document can write
            end_min = DAY_MIN
        if start_min >= end_min:
            raise VotboxError(Code.WRONG, f"te{number}: {end} не позже ts{number} {start}")
        windows.append([int(day), start_min, end_min])
    if not windows:
        raise VotboxError(Code.MISSING, "d1: ожидается хотя бы одна запись расписания (dN, tsN, teN)")
    return windows


def shown_schedule(windows: Sequence[Sequence[int]]) -> tuple[DayWindow, ...]:
    """As the engine's rules have it."""
    return tuple(DayWindow(DayKind(day), start_min, end_min) for day, start_min, end_min in windows)


def _minutes(name: str, text: str) -> int:
    found = _CLOCK.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else DAY_MIN + 1
    if minutes > DAY_MIN:
        raise VotboxError(Code.WRONG, f"{name}: ожидается время вида 09:30, получено {quoted(text)}")
    return minutes
