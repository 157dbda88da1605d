"""Log lines: text and JSON, fields, the journal, faults that nobody catches."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.dispatch.call_log import CallLog
from dialer.logs import JsonLines, TextLines, is_journal
from dialer.model.about import about, what_about, work_on
from dialer.model.attempt import Attempt, AttemptState
from dialer.model.call import CallOrder
from dialer.model.outcome import Outcome
from dialer.model.task import InnerNumType
from dialer.model.verdict import Verdict

NUMBER = "79520000100"
ORDER = CallOrder(7, 1000000001, NUMBER, "", "201", InnerNumType.EXTEN)
SPOOLED = Attempt(7, 1000000001, InnerNumType.EXTEN, AttemptState.SPOOLED)


class Written(io.StringIO):
    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.logs")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.handlers.clear()


def writing(logger: logging.Logger, formatter: logging.Formatter) -> Written:
    written = Written()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return written


def test_json_lines_have_time_level_logger_message_and_fields(logger: logging.Logger) -> None:
    written = writing(logger, JsonLines())
    record = logging.makeLogRecord({"created": 1764172858.1234, "msg": "день %d", "args": (1,), "levelname": "INFO"})
    assert json.loads(JsonLines().format(record))["time"] == "2025-11-26T16:00:58.123Z"
    with about(1000000001, 7, "1732.12"):
        logger.info("день %d", 1, extra={"state": "afterDialOut"})
    (line,) = written.lines
    assert "день" in line
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "INFO", "logger": "tests.logs", "message": "день 1", "task_id": 1000000001, "attempt_id": 7,
        "linked_id": "1732.12", "state": "afterDialOut",
    }  # fmt: skip
    assert list(told)[-4:] == ["task_id", "attempt_id", "linked_id", "state"]


def test_an_exception_is_one_json_line(logger: logging.Logger) -> None:
    written = writing(logger, JsonLines())
    try:
        int("wrong")
    except ValueError:
        logger.exception("failed")
    (line,) = written.lines
    told = json.loads(line)
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("ValueError: invalid literal for int() with base 10: 'wrong'")


@pytest.mark.parametrize(
    "text",
    ['"}\n{"level": "INFO"', "\u2028", "\ud800", "\x00", "%s"],
    ids=["line", "separator", "surrogate", "zero", "format"],  # a surrogate cannot be sent between the runners
)
def test_whatever_is_said_one_json_line_is_written(text: str) -> None:
    # past the loggers, whose lines pytest keeps, and a surrogate cannot be sent from one runner to the other
    said = logging.makeLogRecord(
        {"name": "tests.logs", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "said: %s", "args": (text,),
         "word": text}
    )  # fmt: skip
    written = Written()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    handler.handle(said)
    assert len(written.getvalue().split("\n")) == 2
    told = json.loads(written.getvalue())
    assert told["level"] == "WARNING"
    if text != "\ud800":
        assert (told["message"], told["word"]) == (f"said: {text}", text)


def test_a_field_does_not_take_the_place_of_what_each_line_has(logger: logging.Logger) -> None:
    written = writing(logger, JsonLines())
    logger.info("all", extra={"level": "nine"})
    told = json.loads(written.getvalue())
    assert (told["level"], told["level_"]) == ("INFO", "nine")


def test_text_lines_end_in_the_fields(logger: logging.Logger) -> None:
    written = writing(logger, TextLines())
    with about(1000000001, 7, "rig-1732.12"):
        logger.info("ended", extra={"cause": "SIP 486 Busy Here", "note": ""})
    (line,) = written.lines
    ids = "task_id=1000000001 attempt_id=7 linked_id=rig-1732.12"
    assert line[24:] == f'INFO tests.logs: ended {ids} cause="SIP 486 Busy Here" note=""'


def test_a_text_line_is_one_line_whatever_a_stranger_says(logger: logging.Logger) -> None:
    written = writing(logger, TextLines())
    logger.warning("said: %s", "x\n2026-11-26 16:00:00,000 ERROR dialer: no\r\x1b[2J\u2028", extra={"word": "a\nb=1"})
    (line,) = written.lines
    assert line.endswith(r'said: x\n2026-11-26 16:00:00,000 ERROR dialer: no\x0d\x1b[2J\x2028 word="a\nb=1"')


def test_the_journal_gets_priorities_and_no_times(logger: logging.Logger) -> None:
    written = writing(logger, TextLines(journal=True))
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    try:
        int("wrong")
    except ValueError:
        logger.exception("d")
    assert written.lines[:4] == [
        "<7>DEBUG tests.logs: a", "<6>INFO tests.logs: b", "<4>WARNING tests.logs: c", "<3>ERROR tests.logs: d",
    ]  # fmt: skip
    assert all(line.startswith("<3>") for line in written.lines[3:])
    assert written.lines[-1].startswith("<3>ValueError: ")


def test_the_journal_is_known_by_its_stream(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        for other in ("", "1", "x:y", ":"):
            assert not is_journal(stream, {"JOURNAL_STREAM": other})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


async def test_what_is_begun_amid_work_is_about_the_same_and_nothing_else_is() -> None:
    async def told() -> int | None:
        await asyncio.sleep(0)
        return what_about().attempt_id

    async def other() -> int | None:
        work_on(2, 8)
        return await told()

    with about(1, 7):
        begun = asyncio.create_task(told(), name="begun amid work")
    assert what_about().attempt_id is None
    answers = await asyncio.gather(begun, asyncio.create_task(other(), name="other"), told())
    assert tuple(answers) == (7, 8, None)
    assert what_about().attempt_id is None


def _calls(*, show_numbers: bool = False) -> tuple[CallLog, Written, logging.Logger]:
    logger = logging.getLogger("dialer.calls")
    return CallLog(show_numbers=show_numbers), writing(logger, JsonLines()), logger


@pytest.mark.parametrize(("show_numbers", "number"), [(False, "…0100"), (True, NUMBER)])
def test_each_transition_is_a_line_with_its_ids(show_numbers: bool, number: str) -> None:
    calls, written, logger = _calls(show_numbers=show_numbers)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        dialling = SPOOLED._replace(state=AttemptState.DIALLING, linked_id="1732.12")
        connecting = dialling._replace(state=AttemptState.CONNECTING)
        calls.call_began(ORDER)
        calls.call_moved(ORDER, SPOOLED)
        calls.call_moved(ORDER, dialling)
        calls.call_moved(ORDER, connecting)
        calls.call_moved(ORDER, connecting._replace(talking=True))
        calls.call_moved(ORDER, connecting._replace(talking=True))
        calls.call_over(ORDER, connecting._replace(talking=True, verdict=Verdict(Outcome.SUCCESS, "why")))
    finally:
        logger.handlers.clear()
        logger.setLevel(before)
    lines = [json.loads(line) for line in written.lines]
    assert [(line["message"], line["state"]) for line in lines] == [
        ("call file written", "CreateCallFile"),
        ("dialling", "afterDialOut"),
        ("answered, the other side is called", "startDial"),
        ("talking", "startDial"),
        ("ended", "endCall"),
    ]
    assert {(line["task_id"], line["attempt_id"], line["number"]) for line in lines} == {(1000000001, 7, number)}
    assert [line.get("linked_id") for line in lines] == [None, *["1732.12"] * 4]
    assert (lines[-1]["outcome"], lines[-1]["cause"]) == ("SUCCESS", "why")
    assert not calls._told


def test_a_log_of_calls_that_were_in_progress_says_so() -> None:
    calls, written, logger = _calls()
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        calls.call_moved(ORDER, SPOOLED._replace(state=AttemptState.POLLING))
        calls.call_over(ORDER, SPOOLED._replace(state=AttemptState.CREATED))
    finally:
        logger.handlers.clear()
        logger.setLevel(before)
    told = [(json.loads(line)["message"], json.loads(line)["state"]) for line in written.lines]
    assert told == [("found in progress", "EVENT_POLLING"), ("not dialled, back in the queue", "CreateTask")]


FAULTS = """
import asyncio, gc, sys, threading, warnings
from dialer import logs
logs.set_up("json", "INFO")

class Broken:
    def __del__(self):
        raise ValueError("in a destructor")

async def fail():
    raise ValueError("in a task")

async def main():
    task = asyncio.create_task(fail(), name="forgotten")
    await asyncio.sleep(0)
    del task
    gc.collect()

warnings.warn("be careful")
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start()
thread.join()
Broken()
asyncio.run(main())
raise ValueError("at the end")
"""


def test_faults_that_nobody_catches_are_lines_like_the_others() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = {line["logger"]: line for line in lines if line["logger"] != "dialer.logs"}
    assert "be careful" in told["py.warnings"]["message"]
    assert told["asyncio"]["exception"].endswith("ValueError: in a task")
    ends = [line["exception"].rpartition("\n")[2] for line in lines if line["logger"] == "dialer.logs"]
    assert ends == ["ZeroDivisionError: division by zero", "ValueError: in a destructor", "ValueError: at the end"]
    assert lines[-1]["level"] == "CRITICAL"
