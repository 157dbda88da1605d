"""What each subscriber and employee of the rig does: the same table as scenarios/*.xml, as data.

A subscriber's behaviour is the last two digits of the number. selfcheck.py compares table and reality.
"""

from dataclasses import dataclass
from enum import Enum


class HangsUp(Enum):
    """Who ends an answered call."""

    PBX = "PBX"
    SUBSCRIBER = "subscriber"
    NOBODY = "-"  # never answered


@dataclass(frozen=True)
class Behaviour:
    """One row. Times are seconds after the answer, unless named otherwise."""

    description: str
    answers: bool = True
    keys: str = ""
    key_times_s: tuple[float, ...] = ()
    hangs_up: HangsUp = HangsUp.PBX
    talks_s: float | None = None  # until the subscriber hangs up; None: stays
    answers_after_s: float = 0.2  # counted from the INVITE
    sip_code: int = 200  # final reply; 0: none at all
    rings: bool = True  # sends 180 before the final reply
    dial_status: str = "ANSWER"  # what Asterisk 22 makes of it

    def __str__(self) -> str:
        return self.description


KEYS = "12345"
STAYS_SILENT = Behaviour("answers, presses nothing, stays until the PBX hangs up")


def _presses(first: str, second: str) -> Behaviour:
    what = f"answers, presses {first} after 1.5 s and {second} 2 s later, stays"
    return Behaviour(what, keys=first + second, key_times_s=(1.5, 3.5))


def _leaves(talks_s: float, answers_after_s: float = 0.2) -> Behaviour:
    at_once = "answers at once" if answers_after_s == 0 else "answers"
    when = "at once" if talks_s == 0 else f"after {talks_s:g} s"
    return Behaviour(
        f"{at_once}, presses nothing, hangs up {when}",
        hangs_up=HangsUp.SUBSCRIBER,
        talks_s=talks_s,
        answers_after_s=answers_after_s,
        rings=answers_after_s > 0,
    )


def _refuses(sip_code: int, reason: str, dial_status: str) -> Behaviour:
    return Behaviour(
        f"refused with {sip_code} {reason}",
        answers=False,
        hangs_up=HangsUp.NOBODY,
        answers_after_s=0.0,
        sip_code=sip_code,
        rings=False,
        dial_status=dial_status,
    )


BEHAVIOURS: dict[str, Behaviour] = {
    **{first + second: _presses(first, second) for first in KEYS for second in KEYS},
    "60": STAYS_SILENT,
    "61": Behaviour("answers, presses 9, 1, 1 after 1.5, 3.5, 5.5 s, stays", keys="911", key_times_s=(1.5, 3.5, 5.5)),
    "62": _leaves(2.0),
    "63": _leaves(0.0, answers_after_s=0.0),
    "64": Behaviour("answers, presses 1, 2 in quick succession (250 ms), stays", keys="12", key_times_s=(1.5, 1.75)),
    "65": Behaviour("answers, presses 1 after 1.5 s, speaks from 4 to 7 s, stays", keys="1", key_times_s=(1.5,)),
    "66": _leaves(4.0),
    "67": _leaves(8.0),
    "68": Behaviour(
        "answers, presses 1 after 1.5 s, hangs up after 3 s",
        keys="1",
        key_times_s=(1.5,),
        hangs_up=HangsUp.SUBSCRIBER,
        talks_s=3.0,
    ),
    "69": Behaviour("rings 1 s, answers, presses nothing, stays", answers_after_s=1.0),
    "70": _refuses(486, "Busy Here", "BUSY"),
    "71": _refuses(603, "Decline", "CHANUNAVAIL"),
    "72": _refuses(404, "Not Found", "CHANUNAVAIL"),
    "73": Behaviour(
        "rings, never answers", answers=False, hangs_up=HangsUp.NOBODY, sip_code=487, dial_status="NOANSWER"
    ),
    "74": _refuses(480, "Temporarily Unavailable", "NOANSWER"),
    "75": _refuses(503, "Service Unavailable", "CONGESTION"),
    "76": _refuses(408, "Request Timeout", "CHANUNAVAIL"),
    "77": _refuses(500, "Server Internal Error", "CHANUNAVAIL"),
    "78": Behaviour(
        "no reply at all", answers=False, hangs_up=HangsUp.NOBODY, sip_code=0, rings=False, dial_status="NOANSWER"
    ),
    "79": _refuses(600, "Busy Everywhere", "BUSY"),
    "80": _refuses(484, "Address Incomplete", "CHANUNAVAIL"),
    "81": _refuses(403, "Forbidden", "CHANUNAVAIL"),
    "82": Behaviour(
        "answers, presses 1 after 1.5 s, speaks from 4 s, hangs up speaking after 6.5 s",
        keys="1",
        key_times_s=(1.5,),
        hangs_up=HangsUp.SUBSCRIBER,
        talks_s=6.5,
    ),
    "83": Behaviour(
        "answers, presses 9, 3, 2, 1 after 1.5, 3.5, 5.5, 7.5 s, stays", keys="9321", key_times_s=(1.5, 3.5, 5.5, 7.5)
    ),
    "84": Behaviour("voicemail: greeting of 5 s with a pause, beep at 6.2 s, then silence, stays"),
    "85": Behaviour('says a short "hello", then nothing, stays'),
    "86": Behaviour("voicemail as 84, hangs up after 10 s", hangs_up=HangsUp.SUBSCRIBER, talks_s=10.0),
    "90": _leaves(0.3, answers_after_s=0.0),
    "91": _leaves(1.0),
}

EMPLOYEES: dict[str, Behaviour] = {
    "201": Behaviour("answers after 0.3 s, talks until the PBX hangs up", answers_after_s=0.3),
    "202": Behaviour(
        "answers after 0.3 s, hangs up 2 s later", hangs_up=HangsUp.SUBSCRIBER, talks_s=2.0, answers_after_s=0.3
    ),
    "203": _refuses(486, "Busy Here", "BUSY"),
    "204": Behaviour(
        "rings, never answers", answers=False, hangs_up=HangsUp.NOBODY, sip_code=487, dial_status="NOANSWER"
    ),
    "205": _refuses(480, "Temporarily Unavailable", "NOANSWER"),
    "206": Behaviour("answers after 2 s, talks until the PBX hangs up", answers_after_s=2.0),
    "207": _refuses(603, "Decline", "CHANUNAVAIL"),
    "208": Behaviour(
        "answers at once, hangs up 1 s later",
        hangs_up=HangsUp.SUBSCRIBER,
        talks_s=1.0,
        answers_after_s=0.0,
        rings=False,
    ),
    "209": Behaviour(
        "nobody listens", answers=False, hangs_up=HangsUp.NOBODY, sip_code=0, rings=False, dial_status="NOANSWER"
    ),
}


def behaviour_of(number: str) -> Behaviour:
    """Return what the subscriber with this number does; numbers outside the table answer and stay silent."""
    return BEHAVIOURS.get(number[-2:], STAYS_SILENT)


def make_number(series: int, behaviour: str) -> str:
    """Return an 11-digit number that the rig routes to the provider: 7952, `series` in five digits, `behaviour`."""
    if not 0 <= series <= 99_999:
        raise ValueError(f"series {series} does not fit into five digits")
    if len(behaviour) != 2 or not behaviour.isdecimal():
        raise ValueError(f"behaviour {behaviour!r} is not two digits")
    return f"7952{series:05d}{behaviour}"
