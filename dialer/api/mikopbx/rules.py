"""A campaign's rules as fields of a task: what each may be, and how it is shown. Meanings:
docs/pages/en/campaigns.md."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from dialer.api.mikopbx.fields import (
    BLANK,
    AsText,
    ListSchema,
    MaybeFlag,
    MaybeLang,
    MaybeSpoken,
    NoneIfBlank,
    Schema,
    at_most,
    one_of,
)
from dialer.api.mikopbx.numbers import CALLER_SCHEMAS
from dialer.api.mikopbx.plain import as_list, kind_of
from dialer.api.mikopbx.plain import whole as plain
from dialer.api.mikopbx.ranges import Decimals, Whole
from dialer.api.mikopbx.times import DATE_PATTERN, iso_date
from dialer.model.outcome import Outcome
from dialer.model.prices import U, shown
from dialer.model.retry import DEFAULT, NAMES
from dialer.model.rules import DEFAULTS, Amd, Pacing, RetryRule, Rules
from dialer.model.safe import safe_caller
from dialer.model.verdict import Q850_REASONS, SIP_REASONS

MAX_ITEMS = 1000
MAX_INTERVAL_S = 31_536_000
MAX_COST = 999_999_999
_MOST_DAYS = 100
_CAUSES = (
    *("SIP [3-6][0-9]?[0-9]?", "Q\\.850 [0-9][0-9]?[0-9]?"),
    *(f"SIP {code} {reason}" for code, reason in SIP_REASONS.items()),
    *(f"Q\\.850 {code} {reason}" for code, reason in Q850_REASONS.items()),
    "No answer: the routes had not dialled yet",
    "No outgoing route",
    "No reply from the provider, no ringing seen",
    "No reply from the employee's telephone",
    "No such internal number",
    "No trace of the answered leg",
    "No trace of the subscriber's leg",
    "Nobody can say what became of the call",
    "The internal number called nobody",
    "Queue (TIMEOUT|FULL|JOINEMPTY|LEAVEEMPTY|JOINUNAVAIL|LEAVEUNAVAIL|CONTINUE|WITHDRAW|BUSY), no member was free",
    "Abandoned: no employee was free, apology played",
    "Answering machine: message left",
    "Answering machine: no end of its greeting, no message left",
    "Answering machine: no message left, dialogue service not reachable",
    "Answering machine: the message could not be played",
    "Answering machine: the message was broken off, the dialer stopped",
    "Answering machine: hung up before the end of the message",
    "A prompt could not be played",
    "An answer could not be stored",
    "Cut: the call lasted as long as any may",
    "Dialogue broken off: the dialer or Asterisk stopped",
    "Dialogue service not reachable",
    "Lost: Asterisk or the dialer stopped during the call, its end was not seen",
)
"""What a call's cause may be (`dialer.model.verdict`, `attempt`), as regular expressions."""
_WORDS = re.compile("^(?:An?|No|The) [^:, ]+|[:,]| ?[^:, ]+")


def _beginnings(texts: Iterable[Sequence[str]]) -> str:
    """A regular expression for these texts, given by words, and for their first words."""
    after: dict[str, list[list[str]]] = {}
    for word, *rest in texts:
        after.setdefault(word, []).extend([rest] if rest else [])
    return f"({'|'.join(word + (f'{_beginnings(rest)}?' if rest else '') for word, rest in after.items())})"


_ON_NAMES = sorted([*Outcome, *NAMES, DEFAULT])
_ON = f"^({'|'.join(_ON_NAMES)}|{_beginnings(map(_WORDS.findall, _CAUSES))})$"
_ON_KNOWN = re.compile(_ON.strip("^$"), re.ASCII)
_ON_IN_WORDS = (
    f"a result, one of {', '.join(sorted(NAMES))}, {DEFAULT}, "
    "or the first words of a cause (SIP 486, Q.850 17, No answer)"
)
_DAYS = re.compile("[1-7](-[1-7])?(,[1-7](-[1-7])?){0,6}", re.ASCII)
_DAYS_IN_WORDS = "weekdays such as 1-5 or 1,3,5 (1 Monday to 7 Sunday), or a list of them"
_COST = re.compile("[0-9]{1,9}(\\.[0-9]{1,6})?", re.ASCII)
_COST_IN_WORDS = f"an amount of 0 to {MAX_COST}, with six decimals at the most"
_ON_SCHEMA: Schema = {"type": "string", "pattern": _ON, "description": _ON_IN_WORDS}


def _known_on(value: str) -> str:
    if not _ON_KNOWN.fullmatch(value):
        meant = _meant_on(value[:60])
        raise ValueError(f"{_ON_IN_WORDS} expected, got {value[:60]!r}{f': did you mean {meant}?' if meant else ''}")
    return value


def _meant_on(value: str) -> str | None:
    """The name that looks most like it: `busy` for BUSY, `no_answer` for NOANSWER."""
    if _ON_KNOWN.fullmatch(value.upper()):
        return value.upper()
    plain_names = {re.sub("[^a-z]", "", name.lower()): name for name in _ON_NAMES}
    near = difflib.get_close_matches(re.sub("[^a-z]", "", value.lower()), plain_names, 1, 0.75)
    return plain_names[near[0]] if near else None


class RetryBody(BaseModel):
    """After which results a number is tried again, and when."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    on: Annotated[str, AfterValidator(_known_on), one_of(_ON_SCHEMA)]
    """A result, a kind of cause, or the beginning of a cause; `default`: where nobody was reached."""
    interval: Annotated[int | None, Whole(0, MAX_INTERVAL_S)] = None
    """Seconds until the next attempt; not said: `tryInterval`."""

    def rule(self) -> RetryRule:
        return RetryRule(self.on, self.interval)


def _as_rule(value: Any) -> Any:
    return {"on": value} if isinstance(value, str) else value


def _days(value: Any) -> frozenset[int]:
    """A range may run over Sunday."""
    listed = value if isinstance(value := as_list(value), list) else [value]
    if len(listed) > _MOST_DAYS:
        raise ValueError(f"{_MOST_DAYS} items at most expected, got {len(listed)}")
    days: set[int] = set()
    for one in listed:
        text = str(one) if isinstance(one := plain(one), int) and not isinstance(one, bool) else one
        if not isinstance(text, str) or not _DAYS.fullmatch(text):
            raise ValueError(f"{_DAYS_IN_WORDS} expected, got {str(one)[:60]!r}")
        for part in text.split(","):
            first, last = int(part[0]), int(part[-1])
            days.update((first - 1 + step) % 7 + 1 for step in range((last - first) % 7 + 1))
    if not days:
        raise ValueError(f"{_DAYS_IN_WORDS} expected, got an empty list")
    return frozenset(days)


def _cost_u(value: Any) -> int:
    """A JSON number has as many decimals as it likes: they are rounded, but not to 0, which would be no limit."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_COST:
        return max(round(Decimal(str(value)) * U), int(value > 0))
    if isinstance(value, str) and _COST.fullmatch(value):
        return int(Decimal(value) * U)
    raise ValueError(f"{_COST_IN_WORDS} expected, got {str(value)[:60]!r}")


def _listed(value: Any) -> Any:
    """A list, also as PHP writes one; None: not said."""
    if value in ("", None):
        return None
    value = as_list(value)
    if not isinstance(value, list | tuple):
        got = repr(value)[:60] if isinstance(value, str) else kind_of(value)
        raise ValueError(f"a list expected, got {got}")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _alone_is_a_list(value: Any) -> Any:
    value = plain(value)
    alone = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return [value] if alone else value


_DAY: Schema = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 7},
                          {"type": "string", "pattern": f"^{_DAYS.pattern}$"}]}  # fmt: skip
Day = Annotated[str, AfterValidator(iso_date), one_of({"type": "string", "pattern": DATE_PATTERN})]
Days = Annotated[
    frozenset[Day] | None,
    ListSchema(most=MAX_ITEMS, others=(BLANK,)),
    at_most(MAX_ITEMS),
    BeforeValidator(_listed),
]


class RulesFields(BaseModel):
    """What a task may say of its rules; None: not said."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    maxAttempt: Annotated[int | None, Whole(1, 100)] = None
    """How often a number is tried; once by default. Each attempt is a row of its own."""
    tryInterval: Annotated[int | None, Whole(0, MAX_INTERVAL_S)] = None
    """Seconds between two attempts; 60 by default."""
    attemptUntilSignal: MaybeFlag = None
    """1: also a number that was reached is tried again, up to `maxAttempt`, until /task-signal-close."""
    retryOn: Annotated[
        tuple[Annotated[RetryBody, BeforeValidator(_as_rule)], ...] | None,
        ListSchema(most=100, others=(BLANK,), also=(_ON_SCHEMA,)),
        at_most(100),
        BeforeValidator(_listed),
    ] = None
    """After which results a number is tried again, each with its own interval; the first that fits counts. By
    default `["default"]`, where nobody was reached; an empty list: never."""
    timeStart: Annotated[int | None, Whole(0, 1440)] = None
    """From which minute of the subscriber's day on numbers are dialled; 0 by default."""
    timeEnd: Annotated[int | None, Whole(0, 1440)] = None
    """Until which minute; 1440 by default. Smaller than `timeStart`: across midnight."""
    weekDays: Annotated[
        frozenset[int] | None,
        BeforeValidator(lambda value: None if value in ("", None) else _days(value)),
        one_of(ListSchema(least=1, most=_MOST_DAYS, others=(_DAY, BLANK)).around(_DAY)),
    ] = None
    """On which days: 1 Monday to 7 Sunday, `[1,2,3]` or `1-5`; all by default."""
    holidays: Days = None
    """Further dates on which nobody is dialled."""
    workDays: Days = None
    """Dates on which numbers are dialled whatever weekday or holiday they are."""
    useCalendar: MaybeFlag = None
    """0: the holidays and working days of the settings do not hold."""
    zoneByRegion: MaybeFlag = None
    """1: the zone of a number whose own is not said is that of its region, where it has but one."""
    e164: MaybeFlag = None
    """1: numbers are dialled in their international form, +7952…; 0: as they are given."""
    isCallback: MaybeFlag = None
    """1: the employee is rung first, then the subscriber. Only for exten."""
    callerId: Annotated[
        tuple[Annotated[str, AfterValidator(safe_caller), AsText, one_of(*CALLER_SCHEMAS)], ...] | None,
        ListSchema(most=MAX_ITEMS, others=(*CALLER_SCHEMAS, BLANK)),
        at_most(MAX_ITEMS),
        BeforeValidator(lambda value: _listed(_alone_is_a_list(value))),
    ] = None
    """The number that subscribers are shown, or several, which take turns; an empty list: what the trunk shows."""
    amd: Annotated[Amd | None, NoneIfBlank, one_of({"enum": [one.value for one in Amd]}, BLANK)] = None
    """What an answering machine gets. off (the default): nobody listens for machines. hangup. message: `amdMessage`
    after the beep."""
    amdMessage: MaybeSpoken = None
    """The text of the message."""
    amdMessageFile: MaybeSpoken = None
    """The name or full path of a sound file, played instead."""
    pacing: Annotated[Pacing | None, NoneIfBlank, one_of({"enum": [one.value for one in Pacing]}, BLANK)] = None
    """How many calls at once for the employees of an exten task: progressive (the default), power or predictive."""
    powerRatio: Annotated[float | None, Decimals(1, 10)] = None
    """power: calls for each free employee, 1.5 by default."""
    maxAbandonRate: Annotated[float | None, Decimals(0.1, 100)] = None
    """predictive: how many of a hundred who answer may find nobody; 3 by default."""
    apology: MaybeSpoken = None
    """What subscribers hear whom nobody could take."""
    apologyFile: MaybeSpoken = None
    """The name or full path of a sound file, played instead."""
    lang: MaybeLang = None
    """The language of `amdMessage` and `apology`; ru-RU by default."""
    priority: Annotated[int | None, Whole(0, 9)] = None
    """Tasks of a higher one go first; 0 by default."""
    weight: Annotated[int | None, Whole(1, 1000)] = None
    """The task's part of shared channels among those of its priority; 10 by default."""
    maxCallsPerSecond: Annotated[float | None, Decimals(0, 1000)] = None
    """Of this task; 0 (the default): no limit of its own."""
    maxPerDay: Annotated[int | None, Whole(0, 1000)] = None
    """How often a telephone is called in a day, calls of other tasks counted; 0 (the default): as often as the settings
    say."""
    maxCost: Annotated[
        int | None,
        BeforeValidator(lambda value: None if value in ("", None) else _cost_u(value)),
        one_of(
            {"type": "number", "minimum": 0, "maximum": MAX_COST},
            {"type": "string", "pattern": f"^{_COST.pattern}$", "description": _COST_IN_WORDS},
            BLANK,
        ),
    ] = None
    """The task pauses when its calls have cost so much; 0 (the default): no limit."""

    def said(self) -> dict[str, Any]:
        """Fields of `Rules`, those that are said."""
        values = {field.rule: getattr(self, field.name) for field in FIELDS}
        return {name: _BY_RULE[name].take(value) for name, value in values.items() if value is not None}


def _same(value: Any) -> Any:
    return value


def _texts(value: Any) -> list[str]:
    return [str(one) for one in (sorted(value) if isinstance(value, frozenset) else value)]


def _retries(bodies: tuple[RetryBody, ...]) -> tuple[RetryRule, ...] | None:
    """`["default"]` alone is the default again."""
    rules = tuple(body.rule() for body in bodies)
    return None if rules == (RetryRule(DEFAULT),) else rules


def _shown_retries(rules: tuple[RetryRule, ...] | None) -> Any:
    return [{"on": one.on, "interval": None if one.interval_s is None else str(one.interval_s)} for one in rules or ()]


def _number(value: float) -> str:
    return f"{value:.12g}"


@dataclass(frozen=True, slots=True)
class _RuleField:
    """A field of the API, and the rule it says."""

    name: str
    rule: str
    show: Callable[[Any], Any] = str
    take: Callable[[Any], Any] = _same


def _flag(value: bool) -> str:
    return str(int(value))


FIELDS: tuple[_RuleField, ...] = (
    _RuleField("maxAttempt", "max_attempts"),
    _RuleField("tryInterval", "try_interval_s"),
    _RuleField("attemptUntilSignal", "until_signal", _flag),
    _RuleField("retryOn", "retry_on", _shown_retries, _retries),
    _RuleField("timeStart", "start_min"),
    _RuleField("timeEnd", "end_min"),
    _RuleField("weekDays", "weekdays", _texts),
    _RuleField("holidays", "holidays", _texts),
    _RuleField("workDays", "working_days", _texts),
    _RuleField("useCalendar", "use_calendar", _flag),
    _RuleField("zoneByRegion", "zone_by_region", _flag),
    _RuleField("e164", "as_e164", _flag),
    _RuleField("isCallback", "callback", _flag),
    _RuleField("callerId", "caller_ids", _texts),
    _RuleField("amd", "amd"),
    _RuleField("amdMessage", "amd_message"),
    _RuleField("amdMessageFile", "amd_message_file"),
    _RuleField("pacing", "pacing"),
    _RuleField("powerRatio", "power_ratio", _number),
    _RuleField("maxAbandonRate", "max_abandon_rate", lambda rate: _number(rate * 100), lambda percent: percent / 100),
    _RuleField("apology", "apology"),
    _RuleField("apologyFile", "apology_file"),
    _RuleField("lang", "lang"),
    _RuleField("priority", "priority"),
    _RuleField("weight", "weight"),
    _RuleField("maxCallsPerSecond", "max_calls_per_s", _number),
    _RuleField("maxPerDay", "max_per_day"),
    _RuleField("maxCost", "max_cost_u", shown, lambda cost_u: cost_u or None),
)
_BY_RULE: Mapping[str, _RuleField] = {field.rule: field for field in FIELDS}


def rules_json(rules: Rules) -> dict[str, Any]:
    """The rules that are not the default's, as texts and lists of texts."""
    return {
        field.name: field.show(value)
        for field in FIELDS
        if (value := getattr(rules, field.rule)) != getattr(DEFAULTS, field.rule)
    }
