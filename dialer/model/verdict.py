"""From what Asterisk left behind to the one result of an attempt. Pure: the rules of `Result of a call`."""

from dataclasses import dataclass

from dialer.model.outcome import Outcome
from dialer.model.records import InRecord, OutRecord
from dialer.model.task import InnerNumType

SIP_REASONS = {
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 410: "Gone",
    480: "Temporarily Unavailable", 484: "Address Incomplete", 486: "Busy Here", 488: "Not Acceptable Here",
    500: "Server Internal Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
}  # fmt: skip
"""RFC 3261, section 21."""

BUSY_CODES = frozenset({486, 600})
DECLINED_CODES = frozenset({603})
BAD_NUMBER_CODES = frozenset({404, 410, 484, 604})
NO_ANSWER_CODES = frozenset({408, 480})
SUBSCRIBER_CODES = BUSY_CODES | DECLINED_CODES | BAD_NUMBER_CODES | NO_ANSWER_CODES
RINGING_CODES = range(180, 184)

Q850_CALL_REJECTED = 21
_NOBODY_FREE = frozenset({"BUSY", "CHANUNAVAIL", "CONGESTION"})
_QUEUE_CLOSED = frozenset({"FULL", "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL", "BUSY"})


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    cause: str | None = None
    """Why, in words; None where the outcome says all."""

    def __str__(self) -> str:
        return f"{self.outcome.value} ({self.cause})" if self.cause else self.outcome.value


def decide_unanswered(out: OutRecord) -> Verdict:
    """The subscriber did not answer. Any trunk's word about the subscriber outweighs a trunk's word about itself."""
    about_subscriber = [code for code in out.sip_codes if code in SUBSCRIBER_CODES]
    refusals = [code for code in out.sip_codes if code >= 300]
    if not out.dial_status:
        return Verdict(Outcome.FAIL_ROUTE, "No outgoing route")
    if about_subscriber:
        return Verdict(Outcome.FAIL, _sip(about_subscriber[-1]))
    if out.dial_status == "BUSY":
        return Verdict(Outcome.FAIL, _q850(out.hangup_cause))
    if out.dial_status in {"NOANSWER", "CANCEL"} and any(code in RINGING_CODES for code in out.sip_codes):
        return Verdict(Outcome.FAIL, "No answer")
    if refusals:
        return Verdict(Outcome.FAIL_PROVIDER, _sip(refusals[-1]))
    if out.dial_status in {"NOANSWER", "CANCEL"}:
        return Verdict(Outcome.FAIL_PROVIDER, "No reply from the provider, no ringing seen")
    return Verdict(Outcome.FAIL_PROVIDER, _q850(out.hangup_cause))


def decide_polling(out: OutRecord | None, leg: InRecord | None, *, begun: bool, finished: bool) -> Verdict:
    """The subscriber answered a polling. A cause stands where the subscriber did nothing to end it."""
    if finished or (leg and leg.dialogue == "finished"):
        return Verdict(Outcome.SUCCESS_POLLING)
    if leg and leg.dialogue == "unplayable":
        return Verdict(Outcome.FAIL_POLLING, "A prompt could not be played")
    if (out and out.subscriber_hung_up) or (leg and leg.agi_status == "HANGUP"):
        return Verdict(Outcome.FAIL_POLLING)
    if begun:
        return Verdict(Outcome.FAIL_POLLING, "Dialogue broken off: the dialer or Asterisk stopped")
    return Verdict(Outcome.FAIL_POLLING, "Dialogue service not reachable")


def decide_talk(out: OutRecord | None, leg: InRecord | None) -> Verdict:
    """The subscriber answered and an employee or a queue was called. A missing leg is one whose handler never ran."""
    subscriber_hung_up = out is not None and out.subscriber_hung_up
    if leg is None:
        # A subscriber who hangs up within milliseconds of answering can end the leg before its handler is in place.
        if subscriber_hung_up:
            return Verdict(Outcome.FAIL_CLIENT_H_BEFORE_ANSWER)
        return Verdict(Outcome.FAIL, "No trace of the answered leg")
    if leg.talked:
        if out is None:
            return Verdict(Outcome.SUCCESS)
        return Verdict(Outcome.SUCCESS_CLIENT_H if subscriber_hung_up else Outcome.SUCCESS_USER_H)
    if leg.queue_status in _QUEUE_CLOSED:
        return Verdict(Outcome.FAIL_USER_BUSY, f"Queue {leg.queue_status}")
    if leg.queue_status:
        return Verdict(Outcome.FAIL_USER_NO_ANSWER, f"Queue {leg.queue_status}")
    if leg.dial_status in _NOBODY_FREE:
        if leg.hangup_cause == Q850_CALL_REJECTED:
            return Verdict(Outcome.FAIL_USER_NO_ANSWER, _q850(leg.hangup_cause))
        return Verdict(Outcome.FAIL_USER_BUSY, _q850(leg.hangup_cause))
    if leg.dial_status == "NOANSWER":
        return Verdict(Outcome.FAIL_USER_NO_ANSWER)
    if subscriber_hung_up:
        return Verdict(Outcome.FAIL_CLIENT_H_BEFORE_ANSWER)
    return Verdict(Outcome.FAIL_USER_BUSY, "No such employee or queue")


def decide(
    kind: InnerNumType,
    out: OutRecord | None,
    leg: InRecord | None,
    *,
    answered: bool,
    dialogue_begun: bool,
    dialogue_finished: bool,
) -> Verdict:
    """The result of an attempt whose evidence is complete, or as complete as it will ever be."""
    if not answered:
        return decide_unanswered(out) if out else Verdict(Outcome.FAIL, "Nobody can say what became of the call")
    if kind is InnerNumType.POLLING:
        return decide_polling(out, leg, begun=dialogue_begun, finished=dialogue_finished)
    return decide_talk(out, leg)


def _sip(code: int) -> str:
    return f"SIP {code} {SIP_REASONS.get(code, '')}".rstrip()


def _q850(cause: int) -> str:
    return f"Q.850 cause {cause}"
