"""The one door: every piece of text that reaches Asterisk (call file, AMI, AGI) passes one of these functions.

Allow-lists of ASCII characters, so that neither a header nor a variable nor a dialplan expression can be made of a
value.
"""

import re

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)
_PREFIX = re.compile(r"\+?[0-9*#]{0,16}", re.ASCII)
_EXTENSION = re.compile(r"[0-9*#]{1,20}", re.ASCII)
_CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,79}", re.ASCII)
_SOUND_PATH = re.compile(r"/[A-Za-z0-9._/-]{1,400}", re.ASCII)
_RECORDING = re.compile(r"[a-z]{1,20}-[0-9]{1,19}-[0-9a-f]{16}\.wav", re.ASCII)
_HOST_PORT = re.compile(r"[A-Za-z0-9.:\[\]-]{1,120}", re.ASCII)

KEYS = frozenset("0123456789*#")
"""The keys a telephone sends as DTMF (RFC 4733 events 0 to 11)."""


class UnsafeValueError(ValueError):
    """The sender's fault: the value has characters that may not reach Asterisk. The text says what is allowed."""


def _checked(pattern: re.Pattern[str], value: str, allowed: str) -> str:
    if not pattern.fullmatch(value):
        raise UnsafeValueError(f"{allowed} expected, got {value[:60]!r}")
    return value


def safe_number(value: str) -> str:
    """A number to dial: 1 to 32 of 0-9 * #, a leading + allowed."""
    return _checked(_NUMBER, value, "1 to 32 digits (also * and #, + in front)")


def safe_prefix(value: str) -> str:
    """A dial prefix: up to 16 of 0-9 * #, or empty."""
    return _checked(_PREFIX, value, "up to 16 digits (also * and #)")


def dial_string(prefix: str, number: str) -> str:
    """What the outgoing routes see: prefix and number; the + of an international number goes when a prefix stands."""
    if not safe_prefix(prefix):
        return safe_number(number)
    return prefix + safe_number(number).removeprefix("+")


def safe_extension(value: str) -> str:
    """An employee, queue or other internal number: 1 to 20 of 0-9 * #."""
    return _checked(_EXTENSION, value, "an internal number of 1 to 20 digits (also * and #)")


def safe_keys(value: str) -> str:
    """What a subscriber may press as one answer: 1 to 8 of 0-9 * #."""
    if not 1 <= len(value) <= 8 or not set(value) <= KEYS:
        raise UnsafeValueError(f"1 to 8 telephone keys (0-9 * #) expected, got {value[:60]!r}")
    return value


def safe_context(value: str) -> str:
    """A dialplan context: letters, digits, _ and -."""
    return _checked(_CONTEXT, value, "a context name of letters, digits, _ and -")


def safe_sound_path(value: str) -> str:
    """An absolute path, without its ending, as AGI's STREAM FILE takes it; no `..`."""
    if ".." in value.split("/"):
        raise UnsafeValueError(f"a path without '..' expected, got {value[:60]!r}")
    return _checked(_SOUND_PATH, value, "an absolute path of letters, digits and . _ - /")


def safe_recording_name(value: str) -> str:
    """The name of a recording of ours: what it is of, the attempt's id, 16 hexadecimal digits nobody can guess."""
    return _checked(_RECORDING, value, "the name of a recording")


def safe_host_port(value: str) -> str:
    """host:port of the daemon's FastAGI server, as the dialplan's AGI() takes it."""
    return _checked(_HOST_PORT, value, "host:port")


def phone_id_of(phone: str) -> str:
    """What identifies a subscriber: the last ten digits; a number that is not all digits (after a +) is its own."""
    digits = phone.removeprefix("+")
    return digits[-10:] if digits.isdecimal() else phone
