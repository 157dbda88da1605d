"""The keys of a telephone, in the sentences that speak of them."""

import functools
import re

from dialer.speech.numerals import cardinal, digits
from dialer.speech.reading_parts import UNIT

_KEY_VERB = (
    r"(?:нажм[а-яё]{1,5}|нажат[а-яё]{0,5}|нажима[а-яё]{1,5}|нажав|жм[а-яё]{2,4}|набер[а-яё]{1,5}|набра[а-яё]{1,5}"
    r"|набира[а-яё]{1,5}|клавиш[а-яё]{0,3}|кнопк[а-яё]{0,3}|кнопок|цифр[а-яё]{0,3})"
)
_KEY_FILLER = r"(?:\s{1,2}(?:на|клавиш[а-яё]{0,3}|кнопк[а-яё]{0,3}|цифр[а-яё]{0,3}|номер|повторно|с|под|тоне))"
_NO_KEY = rf"(?!\s?(?:{UNIT}|раз|цифр|знак|символ|секунд)|[0-9]|[.,:/-][0-9]|-[а-яё])"
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


def say_keys(text: str) -> str:
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


def say_lone_key(match: re.Match[str]) -> str:
    return match["before"] + _key(match["key"], False)
