"""What is left at the end of a run, for the checks to judge."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.crm import Crm, Row
from tests.chaos.polling import Answer
from tests.chaos.scenario import Blow
from tests.chaos.stage import Stage

StoredRow = tuple[int, int, str, str | None, int | None]
"""attempt, task, subscriber, result, closing time"""


@dataclass(frozen=True)
class TaskEvidence:
    """A task as GET /task shows it at the end, and what was posted."""

    task: Row
    numbers: list[str]
    talk: str | None
    """The result of a talk with the employee; None: a polling."""
    channels: int

    @property
    def rows(self) -> list[Row]:
        return list(self.task["results"])

    def answers(self) -> dict[str, list[Answer]]:
        """The answers of each number, in their order."""
        answers: defaultdict[str, list[Answer]] = defaultdict(list)
        for row in self.task["resultsPoling"]:
            answers[row["phone"]].append((row["questionCrmId"], row["result"], row["exten"]))
        return answers


@dataclass(frozen=True)
class Evidence:
    tasks: list[TaskEvidence]
    crm: Crm
    stage: Stage
    prompts: tuple[str, ...]
    """The sounds of an undisturbed dialogue."""
    health: dict[str, Any]
    struck: list[tuple[Blow, float, int]]
    """Each blow, when, and how many calls were in progress."""
    stored: list[StoredRow]
    call_files: list[str]
    """What still lies in Asterisk's spool."""

    @property
    def polled(self) -> list[TaskEvidence]:
        return [task for task in self.tasks if task.talk is None]


def collect_rows(database: Path) -> list[StoredRow]:
    """All attempts, as the database itself has them."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT id, task_id, phone_id, result, closed_us FROM attempt").fetchall()
