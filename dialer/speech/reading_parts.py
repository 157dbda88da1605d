"""What the rules for reading are made of: parts of patterns, and in which case a number stands."""

import re
from collections.abc import Callable

from dialer.speech.numerals import MONTHS, noun_form

MONTH = "|".join(MONTHS)
S = "[ \u00a0\u202f]"
START = r"(?<![0-9A-Za-z.,:/№+-])(?<![0-9] )"
INT = rf"(?P<int>[0-9]{{1,3}}(?:{S}[0-9]{{3}}){{1,4}}|[0-9]{{1,12}})"
END = r"(?![0-9]|[.,:/-][0-9])"
UNITS: tuple[tuple[str, str], ...] = (
    ("рубль", r"руб(?:л[а-яё]{1,3}\b|\b\.?)|₽|р\b\.?(?!/(?!\s?(?:мес|сут|день|год|час|ч\b)))|RUB\b"),
    ("копейка", r"коп(?:е[а-яё]{1,4}\b|\b\.?)"),
    ("доллар", r"долл(?:ар[а-яё]{0,3}\b|\b\.?)|\$|USD\b"),
    ("евро", r"евро\b|€|EUR\b"),
    ("процент", r"процент[а-яё]{0,3}\b|%(?!-)"),
    ("час", r"час(?:|а|у|ом|е|ов|ам|ами|ах)\b|ч\b\.?"),
    ("минута", r"минут[а-яё]{0,3}\b|мин\b\.?"),
    ("секунда", r"секунд[а-яё]{0,3}\b|сек\b\.?"),
    ("день", r"(?:день|дн(?:я|ю|ём|ем|ей|ям|ями|ях))\b|дн\b\.?"),
    ("неделя", r"недел[а-яё]{1,3}\b|нед\b\.?"),
    ("месяц", r"месяц[а-яё]{0,3}\b|мес\b\.?"),
    ("балл", r"балл[а-яё]{0,3}\b"),
    ("бонус", r"бонус(?:|а|у|ом|е|ов|ам|ами|ах)\b"),
)
UNIT = "|".join(pattern for _, pattern in UNITS)
UNIT_BUT_HOUR = "|".join(pattern for noun, pattern in UNITS if noun != "час")
CURRENCY = "|".join(pattern for noun, pattern in UNITS if noun in ("рубль", "доллар", "евро"))
KOPECK = dict(UNITS)["копейка"]
_CASES = {
    "g": "от до с со из без для около более менее больше меньше свыше после ранее раньше позднее позже течение кроме",
    "d": "к ко",
    "a": "в на за через про по",
    "i": "перед между",
}
CASE_AFTER = {word: case for case, words in _CASES.items() for word in words.split()}
_VERB = re.compile(r"(?:[иай]те|ить|ать|нести|яет|вит|или|али|ил[аио]?)$")
_LAST_WORD = re.compile(r"([А-Яа-яёЁ]{1,30})[\s«\"(]{0,3}$")
DATE_NAMED = re.compile(
    r"(?:\bсегодня|\bдата(?:\s[а-яё]{1,20}){0,2}|\bсрок(?:\s[а-яё]{1,20}[аияы](?<!л[аи])(?<!на)){0,2})\s?[,:–—-]?\s?$"
)


def noun_of(unit: str) -> str:
    return next(noun for noun, pattern in UNITS if re.fullmatch(pattern, unit, re.IGNORECASE))


def word_before(match: re.Match[str]) -> str:
    found = _LAST_WORD.search(match.string, max(0, match.start() - 40), match.start())
    return found.group(1).lower() if found else ""


def case_before(match: re.Match[str], otherwise: str = "n") -> str:
    word = word_before(match)
    if word == "и" and re.search(
        r"\b[Мм]ежду\b[^.!?]{1,60}$", match.string[max(0, match.start() - 80) : match.start()]
    ):
        return "i"
    return CASE_AFTER.get(word) or ("a" if _VERB.search(word) else otherwise)


def case_written(match: re.Match[str], number: int, noun: str, form: str) -> str:
    """The case in which the noun is written; an abbreviation is in the one that the word before asks for."""
    asked = case_before(match)
    written = form.lower().replace("ем", "ём") if noun in ("день", "рубль") else form.lower()
    return next((case for case in (asked, *"nagdip") if noun_form(number, noun, case) == written), asked)


def full_stop_of(match: re.Match[str]) -> str:
    """The full stop of an abbreviation that ends a sentence too."""
    after = match.string[match.end() : match.end() + 4]
    return "." if match.group().endswith(".") and re.match(r"\s*$|\s+[A-ZА-ЯЁ«\"]", after) else ""


def whole_number(text: str) -> int:
    return int(re.sub(S, "", text))


def apart(match: re.Match[str], words: str) -> str:
    """The words, apart from letters that stood beside the digits."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    return (" " if before.isalpha() else "") + words + (" " if after.isalpha() else "")


def capital_like(source: str, words: str) -> str:
    """The words with a capital if the source has one."""
    return words[0].upper() + words[1:] if source[:1].isupper() else words


_Rules = tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]


def compile_rules(*rules: tuple[str, Callable[[re.Match[str]], str]]) -> _Rules:
    return tuple((re.compile(pattern, re.IGNORECASE), function) for pattern, function in rules)
