"""Russian numerals and what they count, in their cases.

A case is one letter: n, g, d, a, i, p for nominative, genitive, dative, accusative, instrumental, prepositional;
a gender is m, f or n.
"""

import functools
from typing import Any

MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня"),
    *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
)
"""In the genitive, as dates have them."""

_DIGITS = dict(
    zip(
        "0123456789", ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"], strict=True
    )
)
_PARTS = {
    2: ("вторая", "вторых"),
    3: ("третья", "третьих"),
    4: ("четвёртая", "четвёртых"),
    5: ("пятая", "пятых"),
    10: ("десятая", "десятых"),
}

_NOUNS: dict[str, tuple[str, str, str]] = {
    "рубль": ("m", "рубль рубля рублю рубль рублём рубле", "рублей рублям рублями рублях"),
    "копейка": ("f", "копейка копейки копейке копейку копейкой копейке", "копеек копейкам копейками копейках"),
    "доллар": ("m", "доллар доллара доллару доллар долларом долларе", "долларов долларам долларами долларах"),
    "евро": ("m", "евро евро евро евро евро евро", "евро евро евро евро"),
    "процент": (
        "m",
        "процент процента проценту процент процентом проценте",
        "процентов процентам процентами процентах",
    ),
    "час": ("m", "час часа часу час часом часе", "часов часам часами часах"),
    "минута": ("f", "минута минуты минуте минуту минутой минуте", "минут минутам минутами минутах"),
    "секунда": ("f", "секунда секунды секунде секунду секундой секунде", "секунд секундам секундами секундах"),
    "день": ("m", "день дня дню день днём дне", "дней дням днями днях"),
    "неделя": ("f", "неделя недели неделе неделю неделей неделе", "недель неделям неделями неделях"),
    "месяц": ("m", "месяц месяца месяцу месяц месяцем месяце", "месяцев месяцам месяцами месяцах"),
    "балл": ("m", "балл балла баллу балл баллом балле", "баллов баллам баллами баллах"),
    "бонус": ("m", "бонус бонуса бонусу бонус бонусом бонусе", "бонусов бонусам бонусами бонусах"),
    "тысяча": ("f", "тысяча тысячи тысяче тысячу тысячей тысяче", "тысяч тысячам тысячами тысячах"),
    "миллион": (
        "m",
        "миллион миллиона миллиону миллион миллионом миллионе",
        "миллионов миллионам миллионами миллионах",
    ),
    "миллиард": (
        "m",
        "миллиард миллиарда миллиарду миллиард миллиардом миллиарде",
        "миллиардов миллиардам миллиардами миллиардах",
    ),
    "квартал": (
        "m",
        "квартал квартала кварталу квартал кварталом квартале",
        "кварталов кварталам кварталами кварталах",
    ),
}
"""Gender, the six cases of one, those of many: genitive, dative, instrumental, prepositional."""


@functools.cache
def _num2words() -> Any:
    from num2words import num2words  # noqa: PLC0415 - wanted with the first number only

    return num2words


def cardinal(number: int, case: str = "n", gender: str = "m") -> str:
    """How many; the accusative is that of things, not of living beings."""
    if case == "a":  # num2words takes everything for a living being
        words = cardinal(number, "n", gender).replace("одна тысяча", "одну тысячу")
        return f"{words.removesuffix('одна')}одну" if words.split()[-1] == "одна" else words
    return str(_num2words()(number, lang="ru", case=case, gender=gender))


def ordinal(number: int, case: str, gender: str) -> str:
    """Which one in a row; the accusative is that of neuters and masculine things, which is the nominative."""
    return str(_num2words()(number, to="ordinal", lang="ru", case="n" if case == "a" else case, gender=gender))


def digits(text: str) -> str:
    """Digit by digit; whatever is no digit is left out."""
    return " ".join(_DIGITS[digit] for digit in text if digit in _DIGITS)


def plain(text: str) -> str:
    """A number that names something: digit by digit where it begins with zero or is long."""
    return digits(text) if (text[0] == "0" and len(text) > 1) or len(text) > 6 else cardinal(int(text))


def phone_group(group: str) -> str:
    """Digits of a telephone number that are said in one breath: 05 is zero five, 55 fifty-five."""
    zeros = len(group) - len(group.lstrip("0"))
    if zeros in (0, len(group)):
        return digits(group) if zeros else cardinal(int(group))
    return f"{digits(group[:zeros])} {cardinal(int(group))}"


def fraction(count: int, of: int) -> str | None:
    """One third, two thirds; None for what is seldom said so."""
    part = _PARTS.get(of)
    return f"{cardinal(count, gender='f')} {part[count > 1]}" if part and 1 <= count < of else None


def decimal(whole: int, part: str, case: str = "n") -> str:
    """A decimal fraction of one or two digits, nominative or accusative: so many wholes and tenths or hundredths."""
    names = ("десятая", "десятых") if len(part) == 1 else ("сотая", "сотых")
    said = []
    for number, (one, many) in ((whole, ("целая", "целых")), (int(part), names)):
        single = number % 10 == 1 and number % 100 != 11
        noun = one.replace("ая", "ую") if single and case == "a" else one if single else many
        said.append(f"{cardinal(number, case, 'f')} {noun}")
    return " ".join(said)


def month_form(month: int, case: str) -> str:
    """The month without a day, in its case."""
    genitive = MONTHS[month - 1]
    stem, soft = genitive[:-1], genitive.endswith("я")
    if case in "na":
        return "май" if genitive == "мая" else stem + ("ь" if soft else "")
    return {"g": genitive, "d": stem + ("ю" if soft else "у"), "p": stem + "е"}.get(case) or (
        f"{stem}ем" if genitive == "мая" else f"{stem}ём" if soft else f"{stem}ом"
    )


def gender_of(noun: str) -> str:
    """The noun's gender, for its numeral."""
    return _NOUNS[noun][0]


def noun_form(number: int, noun: str, case: str) -> str:
    """The noun in the form that this number asks for."""
    _, one, many = _NOUNS[noun]
    if number % 10 == 1 and number % 100 != 11:
        return one.split()["ngdaip".index(case)]
    if case in "na":
        few = number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14)
        return one.split()[1] if few else many.split()[0]
    return many.split()["gdip".index(case)]


def quantity(number: int, noun: str, case: str) -> str:
    """The number and its noun."""
    return f"{cardinal(number, case, _NOUNS[noun][0])} {noun_form(number, noun, case)}"


def clock(hours: int, minutes: int, case: str) -> str:
    """Hours and minutes, the minutes only where there are some."""
    return quantity(hours, "час", case) + (f" {quantity(minutes, 'минута', case)}" if minutes else "")
