"""Numbers as words, for engines that cannot read them: what a Russian listener on the telephone should hear.

Our rules come first, one after another, and turn what they know into words; ru-normalizr reads the rest; what even that
leaves is read plainly.
"""

import difflib
import functools
import logging
import re
import threading
import unicodedata
from typing import Any

from dialer.speech.numerals import cardinal, digits
from dialer.speech.reading_abbreviations import say_abbreviations
from dialer.speech.reading_rules import apply_rules

log = logging.getLogger(__name__)

_HAS_NUMBERS = re.compile("[0-9№]")
_HAS_KEYS = re.compile("[*#]")
_ANYTHING = re.compile("[0-9]+")
_NUMBER = re.compile("[0-9]{1,30}(?:[.,:/-][0-9]{1,30}){0,4}")
_PIECE_END = re.compile(r"(?<=\w{4}[.!?…])\s+(?=[A-ZА-ЯЁ«\"])|\n+")
_SHORT_PIECE = 300
_LONG_PIECE = 600
_TOKEN = re.compile(r"[\w\u0301+]+|\s+|.", re.DOTALL)
_DECORATION = re.compile(r"[\s\u0301+()\[\]{}/*#\"«»–—-]")
_BARE = str.maketrans("[]{}«»—–", '()()""--', "\u0301+")
_ABBREVIATED = re.compile(r"\b(?:ул|г|пр|просп|пер|пос|обл|ш|наб|пл|стр|оф)\.|\b(?:пр-т|б-р|р-н)\b", re.IGNORECASE)
_SIGNS_TO_SAY = frozenset("№°℃℉")
_JOINERS = "\u200d\u20e3\ufe00-\ufe0f\U000e0020-\U000e007f"
_JOINED = re.compile(f"[{_JOINERS}]")
_lock = threading.Lock()


def read_aloud(text: str, lang: str) -> str:
    """The text without pictographs, and if it is Russian with its numbers in words. Never raises; for any thread."""
    text = _without_pictographs(text)
    if not lang.lower().startswith("ru"):
        return text
    text = say_abbreviations(text)
    numbers = _HAS_NUMBERS.search(text)
    if not (numbers or _HAS_KEYS.search(text)):
        return text
    with _lock:
        text = apply_rules(text)
        return _ANYTHING.sub(_say_anything, "".join(map(_read_piece, _pieces(text)))) if numbers else text


def _without_pictographs(text: str) -> str:
    """Engines speak the names of emoji. What joins letters, as in Sinhala, stays."""
    signs = {sign for sign in set(text) - _SIGNS_TO_SAY if unicodedata.category(sign) in ("So", "Sk")}
    if not signs and not _JOINED.search(text):
        return text
    some = "".join(map(re.escape, sorted(signs)))
    sign = f"[{some}\\u20e3\\ufe00-\\ufe0f]"
    one = rf"{sign}[{some}{_JOINERS}]{{0,99}}"
    return re.sub(rf"(?P<before>[ \u00a0]?){one}(?:[ \u00a0]?{one}){{0,999}}(?P<after>[ \u00a0]?)", _say_nothing, text)


def _say_nothing(match: re.Match[str]) -> str:
    """The space where a pictograph was, if words stood on both sides."""
    start, end, text = match.start(), match.end(), match.string
    if not match["before"] and not match["after"]:
        bare = all(sign in "\u20e3\ufe0e\ufe0f" for sign in match.group())
        return " " if not bare and text[start - 1 : start].isalnum() and text[end : end + 1].isalnum() else ""
    lone = start == 0 or end == len(text) or text[start - 1] == "\n" or text[end] in "\n.,;:!?…)»"
    return "" if lone else match["before"] or match["after"]


def _say_anything(match: re.Match[str]) -> str:
    """What nobody knew: plainly, apart from the letters beside it."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    words = digits(match.group()) if match.group()[0] == "0" or len(match.group()) > 12 else cardinal(int(match[0]))
    return (" " if before.isalnum() else "") + words + (" " if after.isalnum() else "")


def _pieces(text: str) -> list[str]:
    """The text in pieces that the library takes at once: some sentences each, so that it is not called too often."""
    pieces, start = [], 0
    for end in [*(match.end() for match in _PIECE_END.finditer(text)), len(text)]:
        while end - start > _LONG_PIECE:
            space = text.rfind(" ", start, start + _LONG_PIECE)
            cut = space if space > start else start + _LONG_PIECE
            pieces.append(text[start:cut])
            start = cut
        if end - start > _SHORT_PIECE or end == len(text):
            pieces.append(text[start:end])
            start = end
    return pieces


def _read_piece(piece: str) -> str:
    """What the library makes of a piece that still has numbers or addresses; where it fails the text stays."""
    numbers = len(_NUMBER.findall(piece))
    body = piece.strip()
    if not (numbers or _ABBREVIATED.search(piece)) or len(body) < 20 * (
        numbers - 4
    ):  # a table of numbers would take it long
        return piece
    try:
        normalized = _library().normalize(body)
    except Exception as error:  # noqa: BLE001 - whatever it is, the subscriber must hear the text
        log.warning("ru-normalizr failed on a text of %d characters, read plainly: %r", len(body), error)
        return piece
    head = len(piece) - len(piece.lstrip())
    return piece[:head] + _merged(body, normalized) + piece[head + len(body) :]


@functools.cache
def _library() -> Any:
    from ru_normalizr import NormalizeOptions, Normalizer  # noqa: PLC0415 - 0.6 s and 48 MB

    return Normalizer(
        NormalizeOptions(
            mode="safe",
            enable_roman_normalization=False,
            enable_dictionary_normalization=False,
            enable_latinization=False,
        )
    )


def _merged(source: str, normalized: str) -> str:
    """What the library made of numbers and abbreviations; stress marks, capitals and brackets are the source's."""
    old, new = _TOKEN.findall(source), _TOKEN.findall(normalized)
    matcher = difflib.SequenceMatcher(str.isspace, [*map(_bare, old)], [*map(_bare, new)], autojunk=False)
    merged: list[str] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        was, now = "".join(old[i1:i2]), "".join(new[j1:j2])
        alike = tag == "equal" or (was and _DECORATION.sub("", _bare(was)) == _DECORATION.sub("", _bare(now)))
        merged.append(was if alike else now)
    return "".join(merged)


def _bare(token: str) -> str:
    return token.lower().translate(_BARE)
