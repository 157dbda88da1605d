"""A dialer with a past: tasks that were worked on, as the console's screens show them, without an Asterisk."""

import random
import sqlite3
import time
import wave
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.rig.daemon import BASE, Dialer
from tests.rig.expected import POLLING

SECOND_US = 1_000_000
RECORDING = "answer-1-0123456789abcdef.wav"
LONG_NAME = (
    "Напоминание о задолженности за коммунальные услуги: третья волна, вечерняя смена, Екатеринбургский филиал, "
    "осень-зима <b>2026</b>"
)
COURSES = (
    ("SUCCESS_POLLING", None, "EVENT_POLLING_END", 46),
    ("FAIL_POLLING", None, "endCall", 14),
    ("FAIL", "SIP 486 Busy Here", "failedOriginate", 17),
    ("FAIL", "No answer", "failedOriginate", 15),
    ("FAIL", "SIP 404 Not Found", "failedOriginate", 4),
    ("FAIL_PROVIDER", "SIP 503 Service Unavailable", "failedOriginate", 4),
)
"""Result, cause, state, how often."""
GRAPH = {
    "name": "Запись на приём",
    "questions": [
        {
            "questionId": "1",
            "questionText": "Здравствуйте, <имя>! Вы записаны на приём. "
            "Придёте - нажмите 1, перенести - 2, оператор - 0.",
            "press": [
                {"key": "1", "action": "answer", "value": "придёт", "nextQuestion": "3"},
                {"key": "2", "action": "answer", "value": "перенести", "nextQuestion": "2"},
                {"key": "0", "action": "dial", "value": "201"},
                {"key": "*", "action": "restart"},
            ],
        },
        {
            "questionId": "2",
            "questionText": "Скажите после сигнала, когда вам удобно.",
            "press": [
                {"key": "1", "action": "playback_record", "value": "Говорите.", "valueOptions": "20",
                 "nextQuestion": "3"},
                {"key": "9", "action": "", "nextQuestion": "1"},
            ],
            "defPress": "1",
        },
        {"questionId": "3", "questionText": "Спасибо, ждём вас!"},
        {"questionId": "old", "questionText": "Этот вопрос больше никто не слышит.", "nextQuestion": "3"},
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Past:
    """What there is."""

    polling_id: str
    graph_id: str
    task_id: str
    """Worked on for the last hour, with answers, paused."""
    recorded: str
    """A number of it whose answer was recorded."""
    waiting: str
    """A number of it that waits."""


def tone(path: Path, seconds: float = 1.0) -> None:
    """A WAV that can be heard."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(
            b"".join(int(8000 * (step % 20 < 10)).to_bytes(2, "little") for step in range(int(8000 * seconds)))
        )


async def upload(dialer: Dialer, path: str, name: str, content: bytes) -> Any:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name)
    assert dialer.session is not None
    async with dialer.session.post(f"{dialer.url}{BASE}{path}", data=form) as response:
        reply = await response.json()
        assert reply["result"] is True, reply
        return reply["data"]


async def make_past(dialer: Dialer, numbers: int = 900) -> Past:
    """The dialer runs, and trusts this machine; it is stopped in the end."""
    polling_id = (await dialer.data("POST", "/polling", POLLING))["id"]
    graph_id = (await dialer.data("POST", "/polling", GRAPH))["id"]
    listed: list[dict[str, Any]] = [
        {"number": f"7952{place:07d}", "params": {"имя": "Анна", "сумма": "1250,00"}} for place in range(numbers)
    ]
    task: dict[str, Any] = {"innerNum": polling_id, "innerNumType": "polling", "maxCountChannels": 10, "state": 2}
    rules: dict[str, Any] = {
        "maxAttempt": 3, "tryInterval": 600, "timeStart": 540, "timeEnd": 1200, "holidays": ["2026-12-31"],
        "retryOn": [{"on": "busy", "interval": 300}, "no_answer"],
    }  # fmt: skip
    task_id = (
        await dialer.data("POST", "/task", {**task, **rules, "name": "Оценка обслуживания, июль", "numbers": listed})
    )["id"]
    employees = {"innerNum": "201", "innerNumType": "exten", "maxCountChannels": 4}
    await dialer.data(
        "POST", "/task", {**employees, "name": LONG_NAME, "numbers": [f"7953{place:07d}" for place in range(120)]}
    )
    closed = (
        await dialer.data("POST", "/task", {**task, "name": "Welcome call", "crmId": "crm-77", "numbers": listed[:40]})
    )["id"]
    sound = dialer.workdir / "tone.wav"
    tone(sound)
    for name in ("приветствие.wav", "music-on-hold.wav"):
        await upload(dialer, "/audio", name, sound.read_bytes())
    await dialer.data(
        "POST", "/stop-list", {"numbers": ["79520000777", "79520000778"], "reason": "Попросили не звонить"}
    )
    await dialer.stop()
    tone(dialer.workdir / "audio" / "recordings" / RECORDING)
    with closing(sqlite3.connect(dialer.database)) as connection, connection:
        waiting = work(connection, int(task_id), int(polling_id), share=0.72)
        work(connection, int(closed), int(polling_id), share=1.0)
        connection.execute("UPDATE task SET state = 1 WHERE id = ?", (int(closed),))
        recorded = connection.execute(
            "SELECT attempt_id, phone FROM answer WHERE task_id = ? ORDER BY id LIMIT 1", (int(task_id),)
        ).fetchone()
        connection.execute(
            "UPDATE answer SET result = ? WHERE attempt_id = ? AND question_id = '1'", (RECORDING, recorded[0])
        )
    return Past(polling_id, graph_id, task_id, recorded[1], waiting)


def work(connection: sqlite3.Connection, task_id: int, polling_id: int, *, share: float) -> str:
    """Give this share of the task's numbers results within the last hour, answers among them; a number that waits."""
    chance = random.Random(task_id)
    rows = connection.execute(
        "SELECT id, phone_id, phone FROM attempt WHERE task_id = ? ORDER BY id", (task_id,)
    ).fetchall()
    done = rows[: int(len(rows) * share)]
    now_s = int(time.time())
    for place, (attempt_id, phone_id, phone) in enumerate(done):
        result, cause, state, _ = chance.choices(COURSES, [course[3] for course in COURSES])[0]
        at_us = int((now_s - 3300 + 3200 * place / len(done) + chance.uniform(-60, 60)) * SECOND_US)
        talked_s = chance.randint(8, 95) if "POLLING" in result else None
        connection.execute(
            "UPDATE attempt SET state = ?, result = ?, cause = ?, closed_us = ?, changed_us = ?, talked_s = ?, "
            "call_file = 'past.call' WHERE id = ?",
            (state, result, cause, at_us, at_us, talked_s, attempt_id),
        )
        if "POLLING" in result:
            given = [("1", *chance.choices([("да", "1"), ("нет", "2")], [3, 1])[0])]
            if result == "SUCCESS_POLLING":
                key = chance.choice("1234555")
                given.append(("2", key, key))
            for question, value, key in given:
                connection.execute(
                    "INSERT INTO answer (attempt_id, task_id, polling_id, question_id, phone_id, phone, result, exten, "
                    "changed_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (attempt_id, task_id, polling_id, question, phone_id, phone, value, key, at_us),
                )
    return str(rows[-1][2])
