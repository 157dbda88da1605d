"""What was typed, as a command. Pure."""

from dataclasses import dataclass
from enum import StrEnum

MAX_CHARS = 200
HELP = """\
dialer show tasks [open|paused|closed|all]   tasks and how far they are
dialer show task N      one task: results so far, and what holds it back
dialer pause N          no further call begins; calls in progress go on
dialer resume N         it goes on
dialer stop N           closed: nothing of it is dialled any more
dialer why N [NUMBER]   what keeps the task, or a number of it, from being dialled
N is the task's id, or the CRM's id of it. Tab completes what Asterisk knows, which is
only `dialer`."""


class Verb(StrEnum):
    HELP = "help"
    SHOW_TASKS = "show tasks"
    SHOW_TASK = "show task"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    WHY = "why"


_WITH_TASK = (Verb.PAUSE, Verb.RESUME, Verb.STOP)
STATES = ("open", "paused", "closed", "all")


class WordsError(Exception):
    """No such command; the text says what is expected."""


@dataclass(frozen=True, slots=True)
class Command:
    verb: Verb
    task: str = ""
    """As it was typed."""
    option: str = ""
    """Of `show tasks`: which; of `why`: the number."""


def read_words(typed: str) -> Command:
    """Raises WordsError."""
    if len(typed) > MAX_CHARS or not typed.replace("\t", " ").isprintable():
        raise WordsError(f"at most {MAX_CHARS} printable characters expected")
    words = typed.split()
    match [words[0].lower(), *words[1:]] if words else []:
        case [] | ["help"] | ["?"]:
            return Command(Verb.HELP)
        case ["show", what, *rest] if what.lower() == "tasks" and len(rest) <= 1:
            which = rest[0].lower() if rest else ""
            if which and which not in STATES:
                raise WordsError(f"show tasks: one of {', '.join(STATES)} expected, got {which}")
            return Command(Verb.SHOW_TASKS, option=which)
        case ["show", what, task] if what.lower() == "task":
            return Command(Verb.SHOW_TASK, task)
        case ["why", task, *rest] if len(rest) <= 1:
            return Command(Verb.WHY, task, rest[0] if rest else "")
        case [verb, task] if verb in _WITH_TASK:
            return Command(Verb(verb), task)
        case ["show", what] if what.lower() == "task":
            raise WordsError("show task: which one? its id, or the CRM's id, is expected")
        case [verb] if verb in (*_WITH_TASK, Verb.WHY):
            raise WordsError(f"{verb}: which task? its id, or the CRM's id, is expected")
    raise WordsError(f"no such command: {typed.strip()}")
