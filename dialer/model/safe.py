"""The one door: every piece of text that reaches Asterisk (call file, AMI, AGI) passes `let_through`.

Allow-lists of ASCII characters, so that neither a header nor a variable nor a dialplan expression can be made of a
value. Values have doors of their own (`safe_number`, …), and the three writers let through whole lines (`safe_line`,
`safe_lines`), so nothing gets past by being forgotten.
"""

import re

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)
_CALLER = re.compile(r"\+?[0-9]{1,32}", re.ASCII)
_PREFIX = re.compile(r"\+?[0-9*#]{0,16}", re.ASCII)
_EXTENSION = re.compile(r"[0-9*#]{1,20}", re.ASCII)
_KEYS = re.compile(r"[0-9*#]{1,8}", re.ASCII)
_ESCAPE_KEYS = re.compile(r"[0-9*#]{0,12}", re.ASCII)
_CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,79}", re.ASCII)
_SOUND_PATH = re.compile(r"/[A-Za-z0-9._/-]{1,400}", re.ASCII)
_RECORDING = re.compile(r"[a-z]{1,20}-[0-9]{1,19}-[0-9a-f]{16}\.wav", re.ASCII)
_VARIABLE = re.compile(r"[A-Z_]{1,40}", re.ASCII)
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9*#._+-]{0,128}", re.ASCII)
_LINE = re.compile(r"""[A-Za-z0-9 _.,:;=@/*#+~()<>"\[\]^-]{1,1000}""", re.ASCII)
"""No $ { } (variables, expressions), no backslash, | or & (separators of old and new dialplans), no control
characters."""
_LINES = re.compile(rf"(?:{_LINE.pattern}\n)+", re.ASCII)
_HOST_PORT = re.compile(r"[A-Za-z0-9.:\[\]-]{1,120}", re.ASCII)

KEYS = frozenset("0123456789*#")
"""The keys a telephone sends as DTMF (RFC 4733 events 0 to 11)."""


class UnsafeValueError(ValueError):
    """The sender's fault: the value has characters that may not reach Asterisk. The text says what is allowed."""


def let_through(pattern: re.Pattern[str], value: str, allowed: str) -> str:
    """`value`, when all of it is what `pattern` allows. Raises UnsafeValueError, which says what is `allowed`."""
    if not pattern.fullmatch(value):
        raise UnsafeValueError(f"{allowed} expected, got {value[:60]!r}")
    return value


def safe_number(value: str) -> str:
    """A number to dial: 1 to 32 of 0-9 * #, a leading + allowed."""
    return let_through(_NUMBER, value, "1 to 32 digits (also * and #, + in front)")


def safe_caller(value: str) -> str:
    """A number that subscribers are shown: 1 to 32 digits, a leading + allowed."""
    return let_through(_CALLER, value, "1 to 32 digits (+ in front)")


def safe_prefix(value: str) -> str:
    """A dial prefix: up to 16 of 0-9 * #, or empty."""
    return let_through(_PREFIX, value, "up to 16 digits (also * and #)")


def dial_string(prefix: str, number: str) -> str:
    """What the outgoing routes see: prefix and number; the + of an international number goes when a prefix stands."""
    if not safe_prefix(prefix):
        return safe_number(number)
    return prefix + safe_number(number).removeprefix("+")


def safe_extension(value: str) -> str:
    """An employee, queue or other internal number: 1 to 20 of 0-9 * #."""
    return let_through(_EXTENSION, value, "an internal number of 1 to 20 digits (also * and #)")


def safe_keys(value: str) -> str:
    """What a subscriber may press as one answer: 1 to 8 of 0-9 * #."""
    return let_through(_KEYS, value, "1 to 8 telephone keys (0-9 * #)")


def safe_escape_keys(value: str) -> str:
    """The keys that interrupt a sound: any of 0-9 * #, or none."""
    return let_through(_ESCAPE_KEYS, value, "telephone keys (0-9 * #)")


def safe_context(value: str) -> str:
    """A dialplan context: letters, digits, _ and -."""
    return let_through(_CONTEXT, value, "a context name of letters, digits, _ and -")


def safe_sound_path(value: str) -> str:
    """An absolute path, without its ending, as AGI's STREAM FILE takes it; no `..`."""
    if ".." in value.split("/"):
        raise UnsafeValueError(f"a path without '..' expected, got {value[:60]!r}")
    return let_through(_SOUND_PATH, value, "an absolute path of letters, digits and . _ - /")


def safe_recording_name(value: str) -> str:
    """The name of a recording of ours: what it is of, the attempt's id, 16 hexadecimal digits nobody can guess."""
    return let_through(_RECORDING, value, "the name of a recording")


def safe_host_port(value: str) -> str:
    """host:port of the daemon's FastAGI server, as the dialplan's AGI() takes it."""
    return let_through(_HOST_PORT, value, "host:port")


def safe_variable(name: str, value: str) -> tuple[str, str]:
    """A channel variable of ours, and a value that the dialplan cannot take for anything else."""
    return (
        let_through(_VARIABLE, name, "the name of a variable"),
        let_through(_VARIABLE_VALUE, value, "a plain value of a variable"),
    )


def safe_line(line: str) -> str:
    """One line to Asterisk, without its end: of a call file, an AMI action, or an AGI command."""
    return let_through(_LINE, line, "a line of plain ASCII for Asterisk")


def safe_lines(text: str) -> str:
    """Lines to Asterisk, each with its end: a call file."""
    return let_through(_LINES, text, "lines of plain ASCII for Asterisk")


def phone_id_of(phone: str) -> str:
    """What identifies a subscriber: the last ten digits; a number that is not all digits (after a +) is its own."""
    digits = phone.removeprefix("+")
    return digits[-10:] if digits.isdecimal() else phone


def attempt_id_of_recording(value: str) -> int:
    """The attempt that a recording is of. Raises UnsafeValueError for what is no recording's name."""
    return int(safe_recording_name(value).split("-")[1])
