"""What log lines look like: text for people, JSON for programs.

A line's fields are what the work is about (`dialer/model/about.py`) and what its call says by `extra`; the latter win.
Uncaught exceptions and Python's warnings are lines too.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from dialer.model.about import what_about

_STANDARD = frozenset((*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"))
_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:_-+/…")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)} | {10: "\\n", 9: "\\t"}
_AS_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Of syslog(3), from the level on."""
log = logging.getLogger(__name__)


def set_up(form: str, level: str, stream: TextIO | None = None) -> None:
    """Write all log lines to a stream, standard error if none is given. `form`: text or json."""
    stream = stream or sys.stderr
    journal = is_journal(stream)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(journal=journal) if form == "json" else TextLines(journal=journal))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # it logs every parameter
    # no line shows these, and each costs every line (logging HOWTO, Optimization)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd's journal reads the stream: it writes times itself (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isdecimal() and inode.isdecimal()):
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (status.st_dev, status.st_ino) == (int(device), int(inode))


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The ids first."""
    now = what_about()
    found: dict[str, Any] = {
        "task_id": now.task_id,
        "attempt_id": now.attempt_id,
        "linked_id": now.linked_id or None,
    }
    for name, value in record.__dict__.items():
        if name not in _STANDARD and value is not None and not name.startswith("_"):
            found[name] = value
    return {name: value for name, value in found.items() if value is not None}


class TextLines(logging.Formatter):
    """`2026-11-26 16:20:58,123 INFO dialer.calls: dialling task_id=1000000001 attempt_id=7 linked_id=1732.12`; for the
    journal without the time, the priority in front of each line (sd-daemon(3)). A message is one line: what strangers
    say in it does not look like another."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        time = "" if self._journal else f"{self.formatTime(record)} "
        message = record.getMessage().translate(_CONTROL)
        shown = "".join([f" {name}={_shown(value)}" for name, value in fields_of(record).items()])
        trace = _trace_of(self, record)
        text = f"{time}{record.levelname} {record.name}: {message}{shown}{trace and chr(10)}{trace}"
        return _with_priority(record, text) if self._journal else text


class JsonLines(logging.Formatter):
    """One object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, the fields, `exception`."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in fields_of(record).items():
            line[f"{name}_" if name in line else name] = value
        if trace := _trace_of(self, record):
            line["exception"] = trace
        text = _AS_JSON.encode(line).encode(errors="backslashreplace").decode()
        return _with_priority(record, text) if self._journal else text


def _trace_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _shown(value: object) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text, ensure_ascii=False)


def _with_priority(record: logging.LogRecord, text: str) -> str:
    """The journal takes each line by itself."""
    mark = f"<{next((priority for level, priority in _PRIORITIES if record.levelno >= level), 7)}>"
    return mark + text.replace("\n", f"\n{mark}")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the daemon ends by a fault of its own", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else "?"
        log.error("thread %s ended by a fault", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    error = args.exc_value
    log.error(
        "%s: %r", args.err_msg or "exception ignored in", args.object,
        exc_info=None if error is None else (type(error), error, args.exc_traceback),
    )  # fmt: skip
