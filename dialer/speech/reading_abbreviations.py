"""Titles and days of the week, abbreviated with numbers or without."""

import re

from dialer.speech.reading_parts import CASE_AFTER, S, capital_like, compile_rules, full_stop_of


def _say_title(match: re.Match[str]) -> str:
    return capital_like(match.group(), _TITLES[match.group().lower()])


def _say_weekday(match: re.Match[str]) -> str:
    prep, first, last = match["prep"] or "", _WEEKDAYS[match["day"].lower()], _WEEKDAYS[(match["last"] or "вс").lower()]
    if match["last"] and prep.lower() in ("", "в", "с", "со"):
        words = f"{'со' if first[1][:2] in ('вт', 'ср') else 'с'} {first[1]} по {last[3]}"
        return capital_like(match.group(), words) + full_stop_of(match)
    case = CASE_AFTER.get(prep.lower(), "n")
    if prep.lower() in ("в", "с"):
        so = "вторник" if prep.lower() == "в" else "вт ср"
        prep += "о" if any(first[0].startswith(start) for start in so.split()) else ""
    words = capital_like(match["day"], first["ngda".index(case)]) if not prep else f"{prep} {first['ngda'.index(case)]}"
    if match["last"]:
        words += f" — {last['ngda'.index(case)]}"
    return words + full_stop_of(match)


_TITLES = {
    **{"г-н": "господин", "г-на": "господина", "г-ну": "господину", "г-ном": "господином", "г-не": "господине"},
    **{"г-жа": "госпожа", "г-жи": "госпожи", "г-же": "госпоже", "г-жу": "госпожу", "г-жой": "госпожой"},
    **{"г-да": "господа", "д-р": "доктор", "д-ра": "доктора", "д-ру": "доктору", "д-ром": "доктором"},
}
_WEEKDAYS = {
    "пн": ("понедельник", "понедельника", "понедельнику", "понедельник"),
    "вт": ("вторник", "вторника", "вторнику", "вторник"),
    "ср": ("среда", "среды", "среде", "среду"),
    "чт": ("четверг", "четверга", "четвергу", "четверг"),
    "пт": ("пятница", "пятницы", "пятнице", "пятницу"),
    "сб": ("суббота", "субботы", "субботе", "субботу"),
    "вс": ("воскресенье", "воскресенья", "воскресенью", "воскресенье"),
}
"""In the nominative, genitive, dative, accusative."""


def say_abbreviations(text: str) -> str:
    """The text with its titles and days of the week in words."""
    for pattern, function in _ABBREVIATIONS:
        text = pattern.sub(function, text)
    return text


_DAY = "|".join(_WEEKDAYS)
_ABBREVIATIONS = compile_rules(
    (rf"(?<![\w-])(?:{'|'.join(_TITLES)})(?![\w-])", _say_title),
    (
        rf"(?<![\w.-])(?:(?P<prep>в|во|с|со|до|по|к|ко|на|от){S})?(?!(?-i:СБ|ВС) (?!(?:с|и|до)\b|выходн)[а-яё])"
        rf"(?P<day>{_DAY})\b(?!\w)\.?(?:\s?[–—-]\s?(?P<last>{_DAY})\b\.?)?(?![\w+-])",
        _say_weekday,
    ),
)
