"""What was typed, as a command. Pure."""

from dataclasses import dataclass
from enum import StrEnum

MAX_CHARS = 200
MOST_PAGES = 1000
HELP = """\
dialer show tasks [open|paused|closed|all] [page P] [TEXT]
                        tasks and how far they are; TEXT: in name or id
dialer show task N      one task: results so far, and what holds it back
dialer pause N          no further call begins; calls in progress go on
dialer resume N         it goes on
dialer stop N           closed: nothing of it is dialled any more
dialer why N [NUMBER]   what keeps it, or a number of it, from being dialled
dialer why NUMBER       likewise, in the newest task that lists it
dialer help             this list
N is the task's id, or the CRM's id of it."""
TRY_HELP = "Try: dialer help"


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
    page: int = 1
    text: str = ""
    """That `show tasks` looks for."""


def read_words(typed: str) -> Command:
    """Raises WordsError."""
    if len(typed) > MAX_CHARS or not typed.replace("\t", " ").isprintable():
        raise WordsError(f"at most {MAX_CHARS} printable characters expected")
    words = typed.split()
    match [words[0].lower(), *words[1:]] if words else []:
        case [] | ["help"] | ["?"]:
            return Command(Verb.HELP)
        case ["show", what, *rest] if what.lower() == "tasks":
            return _which_tasks(rest)
        case ["show", what, *task] if what.lower() == "task" and task:
            return Command(Verb.SHOW_TASK, " ".join(task))
        case ["why", task, *number]:
            return Command(Verb.WHY, task, " ".join(number))
        case [verb, *task] if verb in _WITH_TASK and task:
            return Command(Verb(verb), " ".join(task))
        case ["show", what] if what.lower() == "task":
            raise WordsError("show task: which one? its id, or the CRM's id, is expected")
        case [verb] if verb in (*_WITH_TASK, Verb.WHY):
            raise WordsError(f"{verb}: which task? its id, or the CRM's id, is expected")
    raise WordsError(f"no such command: {typed.strip()}")


def _which_tasks(words: list[str]) -> Command:
    which = words[0].lower() if words and words[0].lower() in STATES else ""
    rest, page = words[bool(which) :], 1
    if rest and rest[0].lower() == "page":
        number = rest[1] if len(rest) > 1 else "nothing"
        if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= MOST_PAGES):
            raise WordsError(f"page: 1 to {MOST_PAGES} expected, got {number}")
        rest, page = rest[2:], int(number)
    return Command(Verb.SHOW_TASKS, option=which, page=page, text=" ".join(rest))
