"""What the dialplan's hangup handlers leave behind: one line a leg.

Written by `dialplan/extensions_autodialer.conf`, contexts autodialer-out-gone and autodialer-in-gone.
"""

from typing import NamedTuple

_OUT_FIELDS = frozenset({6, 5, 4})
_IN_FIELDS = frozenset({10, 9, 6})
"""Older versions of the dialplan wrote fewer: such records may still lie in AstDB after an upgrade."""


def attempt_id_of(text: str) -> int | None:
    """The id that Asterisk gives back to us; None when the text is none: 64 bits hold it, whoever wrote it."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


class BadRecordError(ValueError):
    """The text is not a record of this dialplan: another version of it is installed, or somebody wrote into AstDB."""


class OutRecord(NamedTuple):
    """End of the outbound leg (Local;2)."""

    dial_status: str
    """DIALSTATUS of the last Dial; empty when no Dial ran (no route)."""
    hangup_cause: int
    """Q.850."""
    sip_codes: tuple[int, ...]
    """Final or last provisional SIP code of every trunk that gave a word, in the order in which they were dialled; 0
    for one that does not speak SIP. A trunk that kept silent is not among them (Asterisk 22 HANGUPCAUSE_KEYS)."""
    subscriber_hung_up: bool
    cut: bool = False
    """The call lasted as long as any call may, [dialing] max_call_s."""
    side_untold: bool = False
    """The trunk is a Local channel: whether the subscriber hung up cannot be known."""
    call: str = ""
    """The id that the call claimed with; empty from the first version of the dialplan."""
    talked_s: int | None = None
    """Whole seconds from the answer to the end, as the provider bills them (ANSWEREDTIME); None: not answered, or an
    older dialplan."""
    early: bool = False
    """A callback whose employee left before the subscriber was dialled."""

    @property
    def answered(self) -> bool:
        return self.dial_status == "ANSWER" or 200 in self.sip_codes


class InRecord(NamedTuple):
    """End of the leg that held the dialogue or called the employee: Local;1, in a callback the first pair's Local;2."""

    dial_status: str
    """DIALSTATUS towards the employee; empty when nobody was dialled, or a queue."""
    queue_status: str
    """QUEUESTATUS; empty when an agent talked, when the caller left, or when there was no queue."""
    talk_s: str
    """ANSWEREDTIME, whole seconds; Asterisk 22 app_queue sets 0 also when nobody answered."""
    hangup_cause: int
    dialogue: str
    """What the leg came to before an employee was called. The dialogue: finished | unplayable (Asterisk does not see a
    prompt's file) | unstored (the database failed) | missed (its end without its goal) | refused (by the key for that)
    | hunting (employees are called, whose answer is its goal) | empty. A machine: listening (somebody left while AMD
    listened) | machine | unsaid (its message was not said to the end) | message (it was) | unspoken (it cannot be
    played) | endless (no end of its greeting). No employee: abandoned | apologised."""
    agi_status: str
    """AGISTATUS: SUCCESS | FAILURE | HANGUP | NOTFOUND | empty."""
    sip_codes: tuple[int, ...] = ()
    """Of every telephone that gave a word, as in `OutRecord`."""
    employee_hung_up: bool = False
    call: str = ""
    """As in `OutRecord`."""
    employee: str = ""
    """The telephone that a dialogue called last; empty: none, or an older dialplan."""

    @property
    def talked(self) -> bool:
        """Subscriber and employee were connected."""
        return self.dial_status == "ANSWER" or 200 in self.sip_codes or self.talk_s not in {"", "0"}

    @property
    def from_queue(self) -> bool:
        """app_queue sets ANSWEREDTIME always, and DIALSTATUS never."""
        return self.dial_status == "" and self.talk_s != ""

    @property
    def shown_status(self) -> str:
        """What the side of the employee said, a queue's too; ANSWER after a talk."""
        return "ANSWER" if self.talked else self.dial_status or self.queue_status


def parse_record(text: str) -> OutRecord | InRecord:
    """Read one record; raises BadRecordError."""
    leg, *fields = text.split("|")
    try:
        if leg == "out" and len(fields) in _OUT_FIELDS:
            status, cause, codes, side, call, talked_s = (*fields, "", "")[:6]
            return OutRecord(
                status,
                int(cause or 0),
                _sip_codes(codes),
                side == "subscriber",
                side == "limit",
                side == "untold",
                call,
                int(talked_s) if talked_s else None,
                side == "early",
            )
        if leg == "in" and len(fields) in _IN_FIELDS:
            status, queue, talk_s, cause, dialogue, agi, codes, side, call, employee = (*fields, *[""] * 4)[:10]
            return InRecord(
                status,
                queue,
                talk_s,
                int(cause or 0),
                dialogue,
                agi,
                _sip_codes(codes),
                side == "employee",
                call,
                employee,
            )
    except ValueError as error:
        raise BadRecordError(f"{text[:120]!r}: {error}") from None
    raise BadRecordError(f"{text[:120]!r} is neither an out nor an in record")


def _sip_codes(text: str) -> tuple[int, ...]:
    """`0000002b:503 0000002a:486 ` is 486, then 503. Other channel drivers leave words where SIP leaves codes."""
    replies = [reply.rpartition(":") for reply in text.split()]
    in_order = sorted(replies, key=lambda reply: int(reply[0] or "0", 16))
    return tuple(int(code) if len(code) == 3 and code.isascii() and code.isdecimal() else 0 for _, _, code in in_order)
