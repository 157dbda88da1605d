"""What the rules for reading say: each function turns a match into words."""

import re

from dialer.speech.numerals import (
    MONTHS,
    cardinal,
    clock,
    decimal,
    digits,
    fraction,
    gender_of,
    month_form,
    noun_form,
    ordinal,
    phone_group,
    plain,
    quantity,
)
from dialer.speech.reading_parts import (
    CASE_AFTER,
    DATE_NAMED,
    apart,
    case_before,
    case_written,
    full_stop_of,
    noun_of,
    whole_number,
    word_before,
)


def say_phone(match: re.Match[str]) -> str:
    groups = [group for group in match.groups() if group]
    said: list[str] = []
    for group in groups:
        halves = (group[:2], group[2:]) if len(group) == 4 and group[1:] != "000" else (group,)
        said += ["плюс семь"] if group == "+7" else map(phone_group, halves)
    return ", ".join(said)


def say_foreign_phone(match: re.Match[str]) -> str:
    said = [part for run in re.findall("[0-9]+", match.group()) for part in re.findall("[0-9]{1,3}", run)]
    return "плюс " + ", ".join(map(phone_group, said))


def say_digits(match: re.Match[str]) -> str:
    return apart(match, digits(match.group()))


def say_date(match: re.Match[str]) -> str:
    day, month, year = match["day"], match["month"], match["year"]
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return match.group()
    return _date_words(match, day, MONTHS[int(month) - 1], year)


def say_date_and_time(match: re.Match[str]) -> str:
    hours, minutes = int(match["h"]), int(match["m"])
    date = say_date(match)
    if date == match.group() or hours > 23:
        return match.group()
    return f"{date} в {clock(hours, minutes, 'a')}" if hours or minutes else date


def _period_case(match: re.Match[str]) -> str:
    word = word_before(match)
    return "p" if word in ("в", "во") else CASE_AFTER.get(word, "n")


def say_month(match: re.Match[str]) -> str:
    return f"{month_form(int(match['month']), _period_case(match))} {ordinal(int(match['year']), 'g', 'm')} года"


def say_quarter(match: re.Match[str]) -> str:
    case = _period_case(match)
    words = f"{ordinal(int(match['quarter']), case, 'm')} {noun_form(1, 'квартал', case)}"
    if match["year"]:
        words += f" {ordinal(int(match['year']), 'g', 'm')} года"
    return words + full_stop_of(match)


def say_written_date(match: re.Match[str]) -> str:
    if not 1 <= int(match["day"]) <= 31 or int(match["first"] or 1) not in range(1, 32):
        return match.group()
    first = ""
    if match["first"]:
        joint = " и " if "и" in match["joint"] else ", " if "," in match["joint"] else " — "
        first = ordinal(int(match["first"]), _date_case(match), "n") + joint
    return first + _date_words(match, match["day"], match["month"].lower(), match["year"])


def _date_case(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 50) : match.start()].lower()
    asked = CASE_AFTER.get(word_before(match))
    return asked or ("n" if DATE_NAMED.search(before) else "g")


def _date_words(match: re.Match[str], day: str, month: str, year: str | None) -> str:
    words = f"{ordinal(int(day), _date_case(match), 'n')} {month}"
    if year:
        full = int(year) + (2000 if len(year) == 2 else 0)
        words += f" {ordinal(full, 'g', 'm')} года"
    return words + full_stop_of(match)


def say_days(match: re.Match[str]) -> str:
    first, last = int(match[2]), int(match[3])
    if not (1 <= first <= 31 and 1 <= last <= 31):
        return match.group()
    return f"{match[1]} {ordinal(first, 'g', 'n')} по {ordinal(last, 'a', 'n')}"


def say_time(match: re.Match[str]) -> str:
    hours, minutes = int(match["h"]), int(match["m"])
    return match.group() if hours > 24 else clock(hours, minutes, case_before(match)) + full_stop_of(match)


def say_dotted_time(match: re.Match[str]) -> str:
    hours, minutes = int(match["h"]), int(match["m"])
    case = CASE_AFTER.get(match["prep"].lower(), "n")
    at = match["prep"].lower() == "в"
    if hours > 24 or (not at and (match["s"] == "-" or 1 <= minutes <= 12)):  # a range, or a date
        return match.group()
    return f"{match['prep']} {clock(hours, minutes, case)}{full_stop_of(match)}"


def say_times(match: re.Match[str]) -> str:
    h1, m1, h2, m2 = (int(match[name]) for name in ("h1", "m1", "h2", "m2"))
    if h1 > 24 or h2 > 24:
        return match.group()
    start = "С" if (match["prep"] or "").isupper() else "с"
    return f"{start} {clock(h1, m1, 'g')} до {clock(h2, m2, 'g')}"


def say_money(match: re.Match[str]) -> str:
    number = whole_number(match["int"])
    noun = noun_of(match["unit"])
    case = case_written(match, number, noun, match["unit"])
    words = quantity(number, noun, case)
    small = {"рубль": "копейка"}.get(noun)
    if match["frac"] and int(match["frac"]) and small is None:
        return match.group()
    parts = match["kop"] or (match["frac"] or "").ljust(2, "0")
    if small and (match["kop"] or int(parts)):
        words += f" {quantity(int(parts), small, case)}"
    return words + _per(match) + full_stop_of(match)


def _per(match: re.Match[str]) -> str:
    per = {"м": " в месяц", "с": " в сутки", "д": " в день", "г": " в год", "ч": " в час"}
    return per[match["per"][0].lower()] if match["per"] else ""


def say_money_with_dash(match: re.Match[str]) -> str:
    number, kopecks, case = whole_number(match["int"]), int(match["frac"]), case_before(match)
    if match["dash"] != "=" and number <= kopecks:  # a range
        return match.group()
    return f"{quantity(number, 'рубль', case)} {quantity(kopecks, 'копейка', case)}{full_stop_of(match)}"


def say_thousands(match: re.Match[str]) -> str:
    number, case = whole_number(match["int"]), case_before(match)
    scales = {"т": "тысяча", "млн": "миллион", "млрд": "миллиард"}
    thousands = scales[match["scale"].lower().rstrip(".").removesuffix("ыс")]
    if match["frac"] and case not in "na":
        return match.group()
    if match["frac"] == "5" and number == 1:
        words = ("полторы " if thousands == "тысяча" else "полтора ") + noun_form(2, thousands, "n")
    elif match["frac"]:
        words = f"{decimal(number, match['frac'], case)} {noun_form(1, thousands, 'g')}"
    else:
        words = quantity(number, thousands, case)
    return f"{words} {noun_form(5, noun_of(match['unit']), 'g')}{_per(match)}{full_stop_of(match)}"


def say_bare_sum(match: re.Match[str]) -> str:
    number = whole_number(match["int"])
    return match["before"] + (decimal(number, match["frac"]) if int(match["frac"]) else cardinal(number))


def say_sign_first(match: re.Match[str]) -> str:
    return f"{match['int']}{match['frac'] or ''} {match['sign']}"


def say_quantity(match: re.Match[str]) -> str:
    number = whole_number(match["int"])
    noun = noun_of(match["unit"])
    return quantity(number, noun, case_written(match, number, noun, match["unit"])) + full_stop_of(match)


def say_range(match: re.Match[str]) -> str:
    first, last, noun = int(match["first"]), int(match["last"]), noun_of(match["unit"])
    gender = gender_of(noun)
    if case_before(match) in "na" and word_before(match) not in CASE_AFTER:
        return f"от {cardinal(first, 'g', gender)} до {quantity(last, noun, 'g')}{full_stop_of(match)}"
    case = case_before(match)
    return f"{cardinal(first, case, gender)} — {quantity(last, noun, case)}{full_stop_of(match)}"


def say_number_sign(match: re.Match[str]) -> str:
    named = match["named"]
    return ("номера" if match["sign"] == "№№" else "номер") + (f" {_identifier(named)}" if named else "")


def _identifier(text: str) -> str:
    said = []
    for part in re.findall(r"[0-9]+|[^\W0-9_]+|/", text):
        said.append("дробь" if part == "/" else plain(part) if part[0] in "0123456789" else part)
    return " ".join(said)


def say_spelled(match: re.Match[str]) -> str:
    """Letters and digits one by one; four letters together are a word."""
    said = []
    for part in re.findall(r"[0-9]|[^\W\d_]+", match["spelled"]):
        said += [part] if len(part) > 3 else list(part)
    return match["before"] + " ".join(digits(sign) or sign for sign in said)


def say_named(match: re.Match[str]) -> str:
    return match["before"] + _identifier(match["named"])


def say_house(match: re.Match[str]) -> str:
    said = match["before"] + plain(match["house"])
    for name, joint in (("letter", " "), ("part", " дробь "), ("part_letter", " ")):
        if match[name]:
            said += joint + (plain(match[name]) if match[name].isdigit() else match[name])
    if match["block"]:
        said += (", " if "," in match["joint"] else " ") + f"корпус {plain(match['block'])}"
    if match["building"]:
        said += (", " if "," in (match["joint2"] or "") else " ") + f"строение {plain(match['building'])}"
    return said


def say_slash(match: re.Match[str]) -> str:
    first, last = match[1], match[2]
    if (first, last) == ("24", "7"):
        return "двадцать четыре на семь"
    part = fraction(int(first), int(last)) if word_before(match) not in ("дом", "доме") else None  # so it looks
    return part or f"{plain(first)} дробь {plain(last)}"


def say_size(match: re.Match[str]) -> str:
    return f"{plain(match[1])} на {plain(match[2])}"


def say_secret(match: re.Match[str]) -> str:
    return match[1] + digits(match[2])


def say_label(match: re.Match[str]) -> str:
    return match[1] + plain(match[2])
