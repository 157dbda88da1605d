"""What is printed: plain text that fits 80 columns. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 79
STATES = {0: "open", 1: "closed", 2: "paused"}
_NAME_FROM = 50


def tasks_screen(tasks: Sequence[Mapping[str, Any]], left_out: str) -> str:
    """A line a task (as the console's TaskProgress has it)."""
    lines = [f"{'Task':<11}{'State':<8}{'Done/Total':>17}{'Calls':>12}  Name"]
    for one in tasks:
        done = f"{one['done']}/{one['total']}"
        calls = f"{one['inProgress']}/{one['maxCountChannels']}"
        name = cut(one["name"], WIDTH - _NAME_FROM)
        lines.append(f"{one['id']:<11}{STATES[one['state']]:<8}{done:>17}{calls:>12}  {name}".rstrip())
    return "\n".join([*lines, *([left_out] if left_out else [])])


def task_screen(task: Mapping[str, Any], why: str) -> str:
    facts = {
        "State": STATES[task["state"]],
        "Name": cut(task["name"], WIDTH - 12),
        # without one of the CRM's it is ours
        **({"CRM's id": cut(task["crmId"], WIDTH - 12)} if task["crmId"] != str(task["id"]) else {}),
        "Leads to": f"{task['innerNumType']} {cut(task['innerNum'], 40)}",
        "Calls": f"{task['inProgress']} in progress, {task['maxCountChannels']} at the most, "
        f"{task['perMinute']} ended in the last minute",
        "Numbers": f"{task['numbers']}: {task['waiting']} waiting, {task['done']} of {task['total']} attempts are over",
    }
    lines = [f"{name + ':':<12}{value}" for name, value in facts.items()]
    for outcome, times in sorted(task["results"].items(), key=lambda one: (-one[1], one[0])):
        lines.append(f"{'':<12}{times:>8}  {outcome}")
    return "\n".join([*lines, why])


def wrapped(text: str, indent: str = "") -> str:
    """The words of a text, in lines that fit."""
    lines, line = [], ""
    for word in (part for whole in text.split() for part in _parts(whole, WIDTH - len(indent))):
        if line and columns_of(f"{line} {word}") > WIDTH - len(indent):
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join(f"{indent}{one}" for one in [*lines, line])


def _parts(word: str, columns: int) -> list[str]:
    """A word that fits no line, in pieces that do."""
    parts = [""]
    for char in word:
        if columns_of(parts[-1] + char) > columns:
            parts.append("")
        parts[-1] += char
    return parts


def cut(text: str, columns: int) -> str:
    """One line of at most so many columns of a terminal."""
    shown, used = "", 0
    text = "".join(char if char.isprintable() else " " for char in text)
    if columns_of(text) <= columns:
        return text
    for char in text:
        used += columns_of(char)
        if used > columns - 3:
            break
        shown += char
    return f"{shown}..."


def printable(text: str) -> str:
    """Nothing that a terminal obeys: names of tasks come from anywhere."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def columns_of(text: str) -> int:
    """What a terminal needs: letters of East Asia are two columns wide, accents none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
