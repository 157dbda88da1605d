"""The rules by which numbers in Russian texts become words.

Two tables at the end of this file, each tried from the top; between them the keys of a telephone. Above them: what the
patterns are made of, what the rules say (`_say_…`), the keys. All quantifiers are bounded, and no rule starts inside
a run of digits: no text takes long.
"""

import functools
import re
from collections.abc import Callable

from dialer.speech.numerals import (
    MONTHS,
    cardinal,
    clock,
    digits,
    fraction,
    gender_of,
    noun_form,
    ordinal,
    phone_group,
    plain,
    quantity,
)

_MONTH = "|".join(MONTHS)
_S = "[ \u00a0\u202f]"
_START = r"(?<![0-9A-Za-z.,:/№+-])(?<![0-9] )"
_INT = rf"(?P<int>[0-9]{{1,3}}(?:{_S}[0-9]{{3}}){{1,4}}|[0-9]{{1,12}})"
_END = r"(?![0-9]|[.,:/-][0-9])"

_UNITS: tuple[tuple[str, str], ...] = (
    ("рубль", r"руб(?:л[а-яё]{1,3}\b|\b\.?)|₽|р\b\.?(?!/)|RUB\b"),
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
_UNIT = "|".join(pattern for _, pattern in _UNITS)
_UNIT_BUT_HOUR = "|".join(pattern for noun, pattern in _UNITS if noun != "час")
_CURRENCY = "|".join(pattern for noun, pattern in _UNITS if noun in ("рубль", "доллар", "евро"))
_KOPECK = dict(_UNITS)["копейка"]

_CASES = {
    "g": "от до с со из без для около более менее больше меньше свыше после ранее раньше позднее позже течение кроме",
    "d": "к ко",
    "a": "в на за через про по",
    "i": "перед между",
}
_CASE_AFTER = {word: case for case, words in _CASES.items() for word in words.split()}
_VERB = re.compile(r"(?:[иай]те|ить|ать|нести|яет|вит|или|али|ил[аио]?)$")
_LAST_WORD = re.compile(r"([А-Яа-яёЁ]{1,30})[\s«\"(]{0,3}$")


def _noun_of(unit: str) -> str:
    return next(noun for noun, pattern in _UNITS if re.fullmatch(pattern, unit, re.IGNORECASE))


def _word_before(match: re.Match[str]) -> str:
    found = _LAST_WORD.search(match.string, max(0, match.start() - 40), match.start())
    return found.group(1).lower() if found else ""


def _case_before(match: re.Match[str], otherwise: str = "n") -> str:
    word = _word_before(match)
    if word == "и" and re.search(
        r"\b[Мм]ежду\b[^.!?]{1,60}$", match.string[max(0, match.start() - 80) : match.start()]
    ):
        return "i"
    return _CASE_AFTER.get(word) or ("a" if _VERB.search(word) else otherwise)


def _case_written(match: re.Match[str], number: int, noun: str, form: str) -> str:
    """The case in which the noun is written; an abbreviation is in the one that the word before asks for."""
    asked = _case_before(match)
    written = form.lower().replace("ем", "ём") if noun in ("день", "рубль") else form.lower()
    return next((case for case in (asked, *"nagdip") if noun_form(number, noun, case) == written), asked)


def _stop(match: re.Match[str]) -> str:
    """The full stop of an abbreviation that ends a sentence too."""
    after = match.string[match.end() : match.end() + 4]
    return "." if match.group().endswith(".") and re.match(r"\s*$|\s+[A-ZА-ЯЁ«\"]", after) else ""


def _int(text: str) -> int:
    return int(re.sub(_S, "", text))


# --- What the rules say ---


def _say_phone(match: re.Match[str]) -> str:
    groups = [group for group in match.groups() if group]
    said = ["плюс семь" if groups[0] == "+7" else phone_group(groups[0]), *map(phone_group, groups[1:])]
    return ", ".join(said)


def _say_foreign_phone(match: re.Match[str]) -> str:
    said = [part for run in re.findall("[0-9]+", match.group()) for part in re.findall("[0-9]{1,3}", run)]
    return "плюс " + ", ".join(map(phone_group, said))


def _say_digits(match: re.Match[str]) -> str:
    return digits(match.group())


def _say_date(match: re.Match[str]) -> str:
    day, month, year = match["day"], match["month"], match["year"]
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return match.group()
    return _date_words(match, day, MONTHS[int(month) - 1], year)


def _say_written_date(match: re.Match[str]) -> str:
    if not 1 <= int(match["day"]) <= 31 or int(match["first"] or 1) not in range(1, 32):
        return match.group()
    first = ""
    if match["first"]:
        joint = " и " if "и" in match["joint"] else ", " if "," in match["joint"] else " — "
        first = ordinal(int(match["first"]), _date_case(match), "n") + joint
    return first + _date_words(match, match["day"], match["month"].lower(), match["year"])


def _date_case(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 50) : match.start()].lower()
    if re.search(r"(?:\bсегодня|\bдата(?:\s[а-яё]{1,20}){0,2})\s?[,:–—-]?\s?$", before):
        return "n"
    return _CASE_AFTER.get(_word_before(match), "g")


def _date_words(match: re.Match[str], day: str, month: str, year: str | None) -> str:
    words = f"{ordinal(int(day), _date_case(match), 'n')} {month}"
    if year:
        full = int(year) + (2000 if len(year) == 2 else 0)
        words += f" {ordinal(full, 'g', 'm')} года"
    return words + _stop(match)


def _say_days(match: re.Match[str]) -> str:
    first, last = int(match[2]), int(match[3])
    if not (1 <= first <= 31 and 1 <= last <= 31):
        return match.group()
    return f"{match[1]} {ordinal(first, 'g', 'n')} по {ordinal(last, 'a', 'n')}"


def _say_time(match: re.Match[str]) -> str:
    hours, minutes = int(match["h"]), int(match["m"])
    return match.group() if hours > 24 else clock(hours, minutes, _case_before(match)) + _stop(match)


def _say_dotted_time(match: re.Match[str]) -> str:
    hours, minutes = int(match["h"]), int(match["m"])
    case = _CASE_AFTER.get(match["prep"].lower(), "n")
    at = match["prep"].lower() == "в"
    if hours > 24 or (not at and (match["s"] == "-" or 1 <= minutes <= 12)):  # a range, or a date
        return match.group()
    return f"{match['prep']} {clock(hours, minutes, case)}{_stop(match)}"


def _say_times(match: re.Match[str]) -> str:
    h1, m1, h2, m2 = (int(match[name]) for name in ("h1", "m1", "h2", "m2"))
    if h1 > 24 or h2 > 24:
        return match.group()
    start = "С" if (match["prep"] or "").isupper() else "с"
    return f"{start} {clock(h1, m1, 'g')} до {clock(h2, m2, 'g')}"


def _say_money(match: re.Match[str]) -> str:
    number = _int(match["int"])
    noun = _noun_of(match["unit"])
    case = _case_written(match, number, noun, match["unit"])
    words = quantity(number, noun, case)
    small = {"рубль": "копейка"}.get(noun)
    if match["frac"] and int(match["frac"]) and small is None:
        return match.group()
    parts = match["kop"] or (match["frac"] or "").ljust(2, "0")
    if small and (match["kop"] or int(parts)):
        words += f" {quantity(int(parts), small, case)}"
    if match["per"]:
        words += {"м": " в месяц", "с": " в сутки", "д": " в день", "г": " в год", "ч": " в час"}[match["per"][0]]
    return words + _stop(match)


def _say_sign_first(match: re.Match[str]) -> str:
    return f"{match['int']}{match['frac'] or ''} {match['sign']}"


def _say_quantity(match: re.Match[str]) -> str:
    number = _int(match["int"])
    noun = _noun_of(match["unit"])
    return quantity(number, noun, _case_written(match, number, noun, match["unit"])) + _stop(match)


def _say_range(match: re.Match[str]) -> str:
    first, last, noun = int(match["first"]), int(match["last"]), _noun_of(match["unit"])
    gender = gender_of(noun)
    if _case_before(match) in "na" and _word_before(match) not in _CASE_AFTER:
        return f"от {cardinal(first, 'g', gender)} до {quantity(last, noun, 'g')}{_stop(match)}"
    case = _case_before(match)
    return f"{cardinal(first, case, gender)} — {quantity(last, noun, case)}{_stop(match)}"


def _say_number_sign(match: re.Match[str]) -> str:
    named = match["named"]
    return ("номера" if match["sign"] == "№№" else "номер") + (f" {_identifier(named)}" if named else "")


def _identifier(text: str) -> str:
    said = []
    for part in re.findall(r"[0-9]+|[^\W0-9_]+|/", text):
        said.append("дробь" if part == "/" else plain(part) if part[0] in "0123456789" else part)
    return " ".join(said)


def _say_slash(match: re.Match[str]) -> str:
    first, last = match[1], match[2]
    if (first, last) == ("24", "7"):
        return "двадцать четыре на семь"
    part = fraction(int(first), int(last)) if _word_before(match) not in ("дом", "доме") else None  # so it looks
    return part or f"{plain(first)} дробь {plain(last)}"


def _say_size(match: re.Match[str]) -> str:
    return f"{plain(match[1])} на {plain(match[2])}"


def _say_secret(match: re.Match[str]) -> str:
    return match[1] + digits(match[2])


def _say_label(match: re.Match[str]) -> str:
    return match[1] + plain(match[2])


# --- The keys of a telephone, in the sentences that speak of them ---

_KEY_VERB = (
    r"(?:нажм[а-яё]{1,5}|нажат[а-яё]{0,5}|нажима[а-яё]{1,5}|нажав|жм[а-яё]{2,4}|набер[а-яё]{1,5}|набра[а-яё]{1,5}"
    r"|набира[а-яё]{1,5}|клавиш[а-яё]{0,3}|кнопк[а-яё]{0,3}|кнопок|цифр[а-яё]{0,3})"
)
_KEY_FILLER = r"(?:\s{1,2}(?:на|клавиш[а-яё]{0,3}|кнопк[а-яё]{0,3}|цифр[а-яё]{0,3}|номер|повторно|с|под|тоне))"
_NO_KEY = rf"(?!\s?(?:{_UNIT}|раз|цифр|знак|символ|секунд)|[0-9]|[.,:/-][0-9]|-[а-яё])"
_KEY_ENDS = (
    r"(?=\s{0,2}(?:[,;:!?)»\"….]|$|[–—-]\s)|\s(?:или|и|либо|для|чтобы|чтоб|если|когда|после|повторно|ещё|в случае|при"
    r"|затем|потом|а|на вашем)\b)"
)
_KEY = r"(?P<key>[0-9]{1,2}|[*#])"
_FIRST_KEY = re.compile(
    rf"(?P<before>\b{_KEY_VERB}{_KEY_FILLER}{{0,3}}\s?[:–—-]?\s{{0,2}}[«\"]?)(?P<key>(?<=[\s«\"])[0-9]{{1,8}}|[*#]){_NO_KEY}",
    re.IGNORECASE,
)
_LISTED_KEY = re.compile(rf"(?P<before>[,;:]\s|\b(?:или|и|либо)\s|[–—-]\s?){_KEY}{_NO_KEY}{_KEY_ENDS}", re.IGNORECASE)
_TIGHT_LIST = re.compile(r"(?<=[ ,][0-9]),(?=[0-9](?:,[0-9]| или | и |[.;]?$))")
_KEY_SENTENCE = re.compile(rf"\b{_KEY_VERB}\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)|\n")


def _say_keys(text: str) -> str:
    """The keys of a telephone in the sentences that speak of them."""
    said, start = [], 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        sentence = text[start:end]
        found = _KEY_SENTENCE.search(sentence)
        if found:
            accusative = found.group().lower() not in ("клавиша", "кнопка", "цифра")
            sentence = _TIGHT_LIST.sub(", ", sentence)
            sentence = _FIRST_KEY.sub(_say_first_key, sentence)
            sentence = sentence[: found.start()] + _LISTED_KEY.sub(
                functools.partial(_say_listed_key, accusative=accusative), sentence[found.start() :]
            )
        said.append(sentence)
        start = end
    return "".join(said)


def _key(text: str, accusative: bool) -> str:
    if text in "*#":
        return {"*": "звёздочк", "#": "решётк"}[text] + ("у" if accusative else "а")
    return digits(text) if text[0] == "0" or len(text) > 3 else cardinal(int(text))


def _say_first_key(match: re.Match[str]) -> str:
    named = re.search(r"(?:клавиша|кнопка|цифра)[\s«\"]*$", match["before"], re.IGNORECASE)
    return match["before"] + _key(match["key"], named is None)


def _say_listed_key(match: re.Match[str], accusative: bool) -> str:
    return match["before"] + _key(match["key"], accusative and match["before"].strip() in ("или", "и", "либо", ","))


def _say_lone_key(match: re.Match[str]) -> str:
    return match["before"] + _key(match["key"], False)


# --- The tables of rules, in the order in which they are tried ---

_Rules = tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]


def _rules(*rules: tuple[str, Callable[[re.Match[str]], str]]) -> _Rules:
    return tuple((re.compile(pattern, re.IGNORECASE), function) for pattern, function in rules)


_BEFORE_KEYS = _rules(
    (r"\bдоб\.\s?(?=[0-9])", lambda _: "добавочный "),
    # 8 (3452) 12-34-56
    (
        r"(?<![\w+])(\+7|8) ?\(([0-9]{2})([0-9]{2})\) ?([0-9]{2})[ -]?([0-9]{2})[ -]?([0-9]{2})(?![0-9\w]|[.,][0-9])",
        _say_phone,
    ),
    # 8 800 555-35-35, +7 (495) 123-45-67, 89522233446, 9522233446, 495 123-45-67, 555-35-35
    (
        rf"(?<![\w+])(?<![0-9][.,-])(\+7|8|7)(?:{_S}|-){{0,2}}\(?([0-9]{{3}})\)?(?:{_S}|-){{0,2}}([0-9]{{3}})(?:{_S}|-)?"
        rf"([0-9]{{2}})(?:{_S}|-)?([0-9]{{2}})(?![0-9\w]|[.,][0-9]|{_S}?(?:руб|р\b|₽|коп))",
        _say_phone,
    ),
    (
        rf"(?<![\w+])(?<![0-9][ .,-])\(?(9[0-9]{{2}})\)?(?:{_S}|-)?([0-9]{{3}})(?:{_S}|-)?([0-9]{{2}})(?:{_S}|-)?"
        rf"([0-9]{{2}})(?![0-9\w]|[.,][0-9]|{_S}?(?:руб|р\b|₽|коп))",
        _say_phone,
    ),
    (r"(?<![\w+-])(?:\(?([0-9]{3})\)?[ -])?([0-9]{2,3})-([0-9]{2})-([0-9]{2})(?![\w-]|[.,][0-9])", _say_phone),
    (
        r"(?<![\w+])\+[1-9][0-9]{0,3}[ (-]{0,2}[0-9]{1,4}(?:[ ()-]{0,2}[0-9]{2,4}){2,4}(?![0-9\w])",
        _say_foreign_phone,
    ),
    # the end of a card's or a telephone's number: **** 4321
    (r"[*xх•]{2,16}\s?([0-9]{2,6})(?![0-9\w]|[.,][0-9])", lambda match: digits(match[1])),
    # codes come digit by digit: 1 2 3 4
    (rf"(?<![\w])(?<![0-9][.,:/-])[0-9](?:{_S}[0-9](?![0-9])(?![.,:/-][0-9])){{1,63}}(?![\w])", _say_digits),
)
_AFTER_KEYS = _rules(
    # with 2026-11-25 the day comes last
    (
        r"(?<![\w.-])(?P<year>20[0-9]{2})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?![\w-])",
        _say_date,
    ),
    (
        r"(?<![\w.,/-])(?P<day>[0-9]{1,2})(?P<s>[./])(?P<month>[0-9]{1,2})(?P=s)(?P<year>(?:19|20)?[0-9]{2})"
        rf"(?![0-9]|[.,/-][0-9])"
        rf"(?:{_S}{{0,2}}(?:года\b|г\b\.?))?",
        _say_date,
    ),
    # в 10.30, с 10.00 до 18.30
    (
        rf"(?<!\w)(?P<prep>в|с|до|к|после|около){_S}(?P<h>[0-9]{{1,2}})(?P<s>[.-])(?P<m>[0-5][0-9])(?![0-9]|[.,-][0-9])"
        rf"(?!{_S}?(?:тыс|млн|кг|км|м\b|л\b|{_UNIT_BUT_HOUR}|час))(?:{_S}?ч\b\.?)?",
        _say_dotted_time,
    ),
    (
        rf"(?<![\w.,/-])(?P<day>[0-9]{{2}})\.(?P<month>0[1-9]|1[0-2])(?P<year>)(?![0-9\w]|[.,-][0-9])"
        rf"(?!{_S}?(?:тыс|млн|кг|км|м\b|л\b|куб|кв|г\b|{_UNIT}))",
        _say_date,
    ),
    (rf"\b(со?) ([0-9]{{1,2}}) по ([0-9]{{1,2}})(?= (?:числ|{_MONTH}))", _say_days),
    # место 12А
    (r"(?<![\w.,/-])([0-9]{1,5})(?-i:([А-ЯЁA-Z]))(?![\w-])", lambda match: f"{plain(match[1])} {match[2]}"),
    (
        rf"(?<![\w.,-])(?:(?P<first>[0-9]{{1,2}})(?P<joint>{_S}?[–—,-]{_S}?|{_S}и{_S}))?(?P<day>[0-9]{{1,2}}){_S}"
        rf"(?P<month>{_MONTH})\b(?:{_S}(?P<year>(?:19|20)[0-9]{{2}})(?![0-9])(?:{_S}?(?:года\b|г\b\.?))?)?",
        _say_written_date,
    ),
    # times: 10:30, 10:00-18:30
    (
        r"(?<![\w:.,-])(?:(?P<prep>с|в) )?(?P<h1>[0-9]{1,2})(?P<s>[:.])(?P<m1>[0-5][0-9])\s?[–—-]\s?"
        r"(?P<h2>[0-9]{1,2})(?P=s)"
        rf"(?P<m2>[0-5][0-9])(?![0-9:]|[.,][0-9])(?!{_S}?(?:{_UNIT}))",
        _say_times,
    ),
    (
        rf"(?<![\w:.,-])(?P<h>[0-9]{{1,2}}):(?P<m>[0-5][0-9])(?::[0-5][0-9])?(?![0-9:])(?:{_S}?(?:час(?:а|ов)?\b|ч\b\.?))?",
        _say_time,
    ),
    # 1,250.50 руб.
    (
        rf"(?<![\w.,-])[0-9]{{1,3}}(?:,[0-9]{{3}}){{1,3}}(?=\.[0-9]{{2}}{_S}?(?:{_CURRENCY}))",
        lambda match: match.group().replace(",", ""),
    ),
    # sums and other quantities
    (
        r"(?<!\w)(?P<sign>[$€₽])\s?(?P<int>[0-9]{1,12}(?: [0-9]{3}){0,4})(?P<frac>[.,][0-9]{1,2})?(?![0-9])",
        _say_sign_first,
    ),
    (
        rf"(?<![\w.,:/-])(?P<first>[0-9]{{1,4}})\s?[–—-]\s?(?P<last>[0-9]{{1,4}}){_S}?(?P<unit>{_UNIT})",
        _say_range,
    ),
    (
        rf"{_START}{_INT}(?:[.,](?P<frac>[0-9]{{1,2}}))?{_S}?(?P<unit>{_CURRENCY})"
        rf"(?:,?{_S}{{0,2}}(?P<kop>[0-9]{{1,2}}){_S}?{_KOPECK})?"
        rf"(?:{_S}?/{_S}?(?P<per>мес(?:яц)?\b\.?|сут(?:ки)?\b\.?|день\b|год\b|час\b))?",
        _say_money,
    ),
    (rf"{_START}{_INT}{_S}?(?P<unit>{_UNIT})", _say_quantity),
    (r"(?<![\w.,-])([0-9]{1,6})\+(?=[\s.,;!?)]|$)", lambda match: f"{plain(match[1])} плюс"),
    # what is named by a number: № 15-А/2026, договор 45/2026, код 4567, кабинет 305
    (r"(?P<sign>№{1,2}|#(?=[0-9]))\s?(?P<named>\w{1,40}(?:[/-]\w{1,20}){0,6})?", _say_number_sign),
    (r"(?<![\w/.,-])(?<!д\. )(?<!д\.)([0-9]{1,7})/([0-9]{1,7})(?![\w/]|[.,][0-9])", _say_slash),
    (
        r"(\b(?:код[а-яё]{0,2}|пин-?код[а-яё]{0,2}|парол[а-яё]{1,2}|карт[аыуе]"
        r"|(?:за|о)канчивается на|инн|снилс|кпп|огрн)\s?[:–—-]?\s?)"
        rf"([0-9]{{3,12}}){_END}(?!\s?(?:{_UNIT}))",
        _say_secret,
    ),
    (
        r"(\b(?:номер[а-яё]{0,2}|заказ[а-яё]{0,2}|заявк[а-яё]|договор[а-яё]{0,2}|кабинет[а-яё]{0,2}|квартир[а-яё]|дом[аеу]?"
        r"|подъезд[а-яё]{0,2}|офис[а-яё]{0,2}|палат[а-яё]|рейс[а-яё]{0,2}|сч[её]т[а-яё]{0,2}|полис[а-яё]{0,2}|окн[аоеу]"
        r"|пункт[а-яё]{0,2}|вариант[а-яё]{0,2}|талон[а-яё]{0,2}|участ[а-яё]{1,3}|школ[а-яё]|корпус[а-яё]{0,2}|строени[а-яё]"
        r"|мест[аоеу]|вагон[а-яё]{0,2}|поезд[а-яё]{0,2}|маршрут[а-яё]{0,2}|автобус[а-яё]{0,2})\s?[:–—-]?\s)"
        rf"([0-9]{{1,15}}){_END}(?!-|\s?(?:{_UNIT}))",
        _say_label,
    ),
    (rf"(?<![\w.,-])([0-9]{{1,6}}){_S}?[xх×*]{_S}?([0-9]{{1,6}})(?![\w]|[.,-][0-9])", _say_size),
    # leading zeros and long numbers: digit by digit
    (rf"(?<![0-9])(?<![0-9][.,])(?<![0-9]{_S})(?:0[0-9]{{1,30}}|[0-9]{{9,30}}){_END}", _say_digits),
    # 1 - да, 2 - нет; если да - 1, нет - 2
    (
        r"(?P<before>(?:^|[\s«(]))(?P<key>[0-9*#])(?=\s[–—-]\s?[а-яё]|[–—-](?:да|нет)\b)",
        _say_lone_key,
    ),
    (
        r"(?P<before>[а-яё»\"]\s[–—-]\s?)(?P<key>[0-9*#]|[0-9]{2})(?=\s?(?:[,;!?]|\.(?![0-9])|$)|\s(?:или|и|либо)\s)",
        _say_lone_key,
    ),
)
_LONG_RUN = re.compile("[0-9]{31,}")


def apply_rules(text: str) -> str:
    """The text with the numbers that our rules know in words."""
    text = _LONG_RUN.sub(_say_digits, text)
    # telephone numbers and codes before keys: "наберите 8 800 …"
    for pattern, function in _BEFORE_KEYS:
        text = pattern.sub(function, text)
    text = _say_keys(text)
    for pattern, function in _AFTER_KEYS:
        text = pattern.sub(function, text)
    return text
