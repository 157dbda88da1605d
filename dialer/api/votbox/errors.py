"""What a refused call is told. Messages are Russian: VotBox's client programs show them to people."""

from enum import IntEnum


class Code(IntEnum):
    """`code` of a reply's `<error>`."""

    NONE = 0
    """The call was carried out."""
    LOGIN = 1
    """Wrong username or password."""
    MISSING = 2
    """A required parameter is missing."""
    WRONG = 3
    """A parameter, or the form itself, is wrong."""
    NOT_FOUND = 4
    """There is no such template, task, call or file, or it is another account's."""
    NOT_NOW = 5
    """Not possible in this state: the task is over, canbreakcalls is not set."""
    TOO_LARGE = 6
    """More came than is taken."""
    LOCKED = 7
    """Too many failed logins: to be tried again later."""
    NO_SUCH_CALL = 8
    """There is no such API call."""
    INTERNAL = 9
    """The daemon's fault, its database's or disk's: the administrator's to mend."""
    ADDRESS = 10
    """Calls from this address are not allowed."""


class VotboxError(Exception):
    """The call is refused. The message names the field and the reason, in Russian."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def quoted(value: str) -> str:
    """What was sent, cut, as a message shows it."""
    return f"«{value[:60]}…»" if len(value) > 60 else f"«{value}»"
