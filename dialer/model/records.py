"""What the dialplan's hangup handlers leave behind: one line a leg.

Written by `dialplan/extensions_autodialer.conf`, contexts autodialer-out-gone and autodialer-in-gone.
"""

from dataclasses import dataclass

_OUT_FIELDS = 4
_IN_FIELDS = 6


class BadRecordError(ValueError):
    """The text is not a record of this dialplan: another version of it is installed, or somebody wrote into AstDB."""


@dataclass(frozen=True, slots=True)
class OutRecord:
    """End of the outbound leg (Local;2)."""

    dial_status: str
    """DIALSTATUS of the last Dial; empty when no Dial ran (no route)."""
    hangup_cause: int
    """Q.850."""
    sip_codes: tuple[int, ...]
    """Final or last provisional SIP code of every trunk tried, in no order (Asterisk 22 HANGUPCAUSE_KEYS)."""
    subscriber_hung_up: bool

    @property
    def answered(self) -> bool:
        return self.dial_status == "ANSWER"


@dataclass(frozen=True, slots=True)
class InRecord:
    """End of the answered leg (Local;1)."""

    dial_status: str
    """DIALSTATUS towards the employee; empty when nobody was dialled, or a queue."""
    queue_status: str
    """QUEUESTATUS; empty when an agent talked, when the caller left, or when there was no queue."""
    talk_s: str
    """ANSWEREDTIME: seconds of the talk with the employee; empty without one (Asterisk 22 app_dial, app_queue)."""
    hangup_cause: int
    dialogue: str
    """finished | unplayable (Asterisk does not see a prompt's file) | empty."""
    agi_status: str
    """AGISTATUS: SUCCESS | FAILURE | HANGUP | NOTFOUND | empty."""

    @property
    def talked(self) -> bool:
        """Subscriber and employee were connected."""
        return self.dial_status == "ANSWER" or self.talk_s != ""


def parse_record(text: str) -> OutRecord | InRecord:
    """Read one record; raises BadRecordError."""
    leg, *fields = text.split("|")
    try:
        if leg == "out" and len(fields) == _OUT_FIELDS:
            status, cause, codes, side = fields
            return OutRecord(status, int(cause or 0), _sip_codes(codes), side == "subscriber")
        if leg == "in" and len(fields) == _IN_FIELDS:
            status, queue, talk_s, cause, dialogue, agi = fields
            return InRecord(status, queue, talk_s, int(cause or 0), dialogue, agi)
    except ValueError as error:
        raise BadRecordError(f"{text[:120]!r}: {error}") from None
    raise BadRecordError(f"{text[:120]!r} is neither an out nor an in record")


def _sip_codes(text: str) -> tuple[int, ...]:
    """Other channel drivers than SIP leave words where SIP leaves codes; those are passed over."""
    return tuple(int(code) for code in text.split() if len(code) == 3 and code.isascii() and code.isdecimal())
