"""From what Asterisk left behind to the one result of an attempt. Pure: the rules of `Result of a call`."""

from dataclasses import dataclass

from dialer.model.outcome import Outcome
from dialer.model.records import InRecord, OutRecord
from dialer.model.task import InnerNumType

SIP_REASONS = {
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
    480: "Temporarily Unavailable", 484: "Address Incomplete", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here",
    500: "Server Internal Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 607: "Unwanted",
}  # fmt: skip
"""RFC 3261, section 21; 607: RFC 8197."""

Q850_REASONS = {
    1: "Unallocated number", 3: "No route to destination", 16: "Normal clearing", 17: "User busy",
    18: "No user responding", 19: "No answer", 20: "Subscriber absent", 21: "Call rejected", 22: "Number changed",
    27: "Destination out of order", 28: "Invalid number format", 34: "No circuit available", 38: "Network out of order",
    42: "Switching equipment congestion", 127: "Interworking",
}  # fmt: skip
"""ITU-T Q.850, table 1."""

BUSY_CODES = frozenset({486, 600})
DECLINED_CODES = frozenset({603, 607})
BAD_NUMBER_CODES = frozenset({404, 410, 484, 604})
NO_ANSWER_CODES = frozenset({408, 480})
RINGING_CODES = frozenset({180, 181, 182, 183})
SUBSCRIBER_CODES = BUSY_CODES | DECLINED_CODES | BAD_NUMBER_CODES | NO_ANSWER_CODES | RINGING_CODES
"""A trunk that says one of these has spoken to the subscriber, or about it; any other refusal is its own."""

Q850_UNALLOCATED = 1
Q850_NORMAL = 16
Q850_NO_ANSWER = 19
"""Also what a call file's WaitTime leaves when it is over (Asterisk 22 pbx_spool.c)."""
Q850_CALL_REJECTED = 21
_SUBSCRIBER_Q850 = frozenset({1, 17, 18, 19, 21, 22, 28})
REFUSED = "Refused: the subscriber pressed the key for that"
MISSED = "The dialogue ended without its goal"
SCRIPT_CAUSES = frozenset({REFUSED, MISSED})
"""Of scripts only: no polling has a goal or a key that refuses."""
_CUT = "Cut: the call lasted as long as any may"
_MACHINE = "Answering machine"
_NOBODY_FREE_FOR_IT = "Abandoned: no employee was free"
_UNANSWERED = frozenset({"NOANSWER", "CANCEL"})
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
    """The subscriber did not answer. The last trunk that spoke to the subscriber decides, if any did."""
    if not out.dial_status and out.hangup_cause == Q850_NO_ANSWER:
        return Verdict(Outcome.FAIL, "No answer: the routes had not dialled yet")
    if not out.dial_status:
        return Verdict(Outcome.FAIL_ROUTE, "No outgoing route")
    decisive = _decisive_code(out)
    if decisive is not None:
        return Verdict(Outcome.FAIL, "No answer" if decisive in RINGING_CODES else _sip(decisive))
    refusals = [code for code in out.sip_codes if code >= 300]
    if refusals:
        return Verdict(Outcome.FAIL_PROVIDER, _sip(refusals[-1]))
    if out.dial_status in _UNANSWERED and not out.sip_codes:
        return Verdict(Outcome.FAIL_PROVIDER, "No reply from the provider, no ringing seen")
    if out.dial_status in _UNANSWERED:
        return Verdict(Outcome.FAIL, "No answer")
    if out.dial_status == "BUSY" or (out.sip_codes and out.hangup_cause in _SUBSCRIBER_Q850):
        return Verdict(Outcome.FAIL, _q850(out.hangup_cause))
    return Verdict(Outcome.FAIL_PROVIDER, _q850(out.hangup_cause))


def dial_status_shown(out: OutRecord) -> str:
    """DIALSTATUS of the trunk that decided; Asterisk keeps only that of the last one dialled."""
    decisive = _decisive_code(out)
    if decisive is None or (decisive in RINGING_CODES and out.dial_status in _UNANSWERED):
        return out.dial_status
    if decisive in BUSY_CODES:
        return "BUSY"
    return "NOANSWER" if decisive in RINGING_CODES | {480} else "CHANUNAVAIL"


def _decisive_code(out: OutRecord) -> int | None:
    if out.dial_status == "CANCEL" and out.hangup_cause == Q850_CALL_REJECTED:
        declined = [code for code in out.sip_codes if code in DECLINED_CODES]
        if declined:
            return declined[-1]  # whatever rang after it was stopped for that (PbxLink)
    about_subscriber = [code for code in out.sip_codes if code in SUBSCRIBER_CODES]
    return about_subscriber[-1] if about_subscriber else None


def _decide_machine(leg: InRecord) -> Verdict | None:
    """A machine answered; None: no machine did, or nobody listened for one."""
    match leg.dialogue:
        case "machine":
            cause = _MACHINE
        case "message":
            cause = f"{_MACHINE}: message left"
        case "endless":
            cause = f"{_MACHINE}: no end of its greeting, no message left"
        case "unspoken":
            cause = f"{_MACHINE}: the message could not be played"
        case "unsaid" if leg.agi_status == "FAILURE":
            cause = f"{_MACHINE}: no message left, dialogue service not reachable"
        case "unsaid" if leg.agi_status == "SUCCESS":
            cause = f"{_MACHINE}: the message was broken off, the dialer stopped"
        case "unsaid":
            cause = f"{_MACHINE}: hung up before the end of the message"
        case _:
            return None
    return Verdict(Outcome.FAIL, cause)


def decide_polling(out: OutRecord | None, leg: InRecord | None, *, begun: bool, finished: bool) -> Verdict:
    """The subscriber answered a polling. A cause stands where the subscriber did nothing to end it."""
    if finished or (leg and (leg.dialogue == "finished" or (leg.dialogue == "hunting" and leg.talked))):
        return Verdict(Outcome.SUCCESS_POLLING)
    if leg and leg.dialogue == "refused":
        return Verdict(Outcome.FAIL_POLLING, REFUSED)
    if leg and leg.dialogue == "missed":
        return Verdict(Outcome.FAIL_POLLING, MISSED)
    if leg and leg.dialogue == "unplayable":
        return Verdict(Outcome.FAIL_POLLING, "A prompt could not be played")
    if leg and leg.dialogue == "unstored":
        return Verdict(Outcome.FAIL_POLLING, "An answer could not be stored")
    if out and out.cut:
        return Verdict(Outcome.FAIL_POLLING, _CUT)
    if (out and out.subscriber_hung_up) or (leg and leg.agi_status == "HANGUP"):
        return Verdict(Outcome.FAIL_POLLING)
    if begun:
        return Verdict(Outcome.FAIL_POLLING, "Dialogue broken off: the dialer or Asterisk stopped")
    if leg and not leg.agi_status:  # the leg ended before its AGI(): who answered was gone in the same moment
        return Verdict(Outcome.FAIL_POLLING)
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
        return _who_ended_the_talk(out, leg)
    if leg.dialogue == "apologised":
        return Verdict(Outcome.FAIL_USER_BUSY, f"{_NOBODY_FREE_FOR_IT}, apology played")
    if leg.dialogue == "abandoned":
        return Verdict(Outcome.FAIL_USER_BUSY, _NOBODY_FREE_FOR_IT)
    left = leg.dialogue == "listening" or (not leg.dial_status and not leg.from_queue and leg.agi_status == "HANGUP")
    if subscriber_hung_up or left or leg.dial_status == "CANCEL":
        return Verdict(Outcome.FAIL_CLIENT_H_BEFORE_ANSWER)
    if leg.queue_status:
        return _decide_queue(leg)
    if leg.dial_status:
        return _decide_employee(leg)
    if leg.from_queue:
        return Verdict(Outcome.FAIL_CLIENT_H_BEFORE_ANSWER)  # QUEUESTATUS is empty only when the caller left
    if leg.hangup_cause == Q850_NORMAL:
        return Verdict(Outcome.SUCCESS, "The internal number called nobody")  # an IVR that came to its end
    if leg.hangup_cause not in {0, Q850_UNALLOCATED}:
        return Verdict(Outcome.FAIL_USER_BUSY, _q850(leg.hangup_cause))
    return Verdict(Outcome.FAIL_USER_BUSY, "No such internal number")


def _who_ended_the_talk(out: OutRecord | None, leg: InRecord) -> Verdict:
    if out is not None and out.subscriber_hung_up:
        return Verdict(Outcome.SUCCESS_CLIENT_H)
    if out is not None and out.cut:
        return Verdict(Outcome.SUCCESS, _CUT)
    # A queue's members are mostly Local channels, behind which Asterisk does not say which end hung up; the
    # subscriber's end it does.
    side_known = out is not None and not out.side_untold
    by_employee = leg.employee_hung_up or (leg.from_queue and side_known)
    return Verdict(Outcome.SUCCESS_USER_H if by_employee else Outcome.SUCCESS)


def decide_callback(out: OutRecord | None, leg: InRecord | None, *, answered: bool) -> Verdict:
    """The employee or queue was called first (`leg`), and the subscriber (`out`) after somebody had answered there."""
    if out is None:
        if leg is None:
            return Verdict(Outcome.FAIL, "Nobody can say what became of the call")
        if leg.talked or answered:
            return Verdict(Outcome.FAIL, "No trace of the subscriber's leg")
        return _decide_first_called(leg)
    if answered:
        return _who_ended_the_talk(out, leg or InRecord("", "", "", Q850_NORMAL, "", ""))
    if out.early or _employee_gave_up(out, leg):
        return Verdict(Outcome.FAIL_USER_H_BEFORE_CLIENT_ANSWER)
    return decide_unanswered(out)


def _employee_gave_up(out: OutRecord, leg: InRecord | None) -> bool:
    """The subscriber's leg was ended from the employee's side, not by the time to ring, nor for a decline."""
    if out.hangup_cause in {Q850_NO_ANSWER, Q850_CALL_REJECTED}:
        return False
    by_employee = leg is not None and leg.employee_hung_up
    return out.dial_status == "CANCEL" or (out.dial_status == "" and by_employee)


def _decide_first_called(leg: InRecord) -> Verdict:
    """Nobody answered at the internal number; CANCEL: the call file's time to ring was over."""
    if leg.queue_status:
        return _decide_queue(leg)
    if leg.dial_status == "CANCEL":
        return _decide_employee(leg._replace(dial_status="NOANSWER"))
    if leg.dial_status:
        return _decide_employee(leg)
    if leg.from_queue:
        return _decide_queue(leg._replace(queue_status="TIMEOUT"))
    if leg.hangup_cause not in {0, Q850_UNALLOCATED, Q850_NORMAL, Q850_NO_ANSWER}:
        return Verdict(Outcome.FAIL_USER_BUSY, _q850(leg.hangup_cause))
    if leg.hangup_cause == Q850_UNALLOCATED:
        return Verdict(Outcome.FAIL_USER_BUSY, "No such internal number")
    return Verdict(Outcome.FAIL_USER_NO_ANSWER, "The internal number called nobody")


def _decide_employee(leg: InRecord) -> Verdict:
    """The employee did not answer: rung and not answered or declined, or busy, or not to be reached."""
    refusals = [code for code in leg.sip_codes if code >= 300]
    rang = any(code in RINGING_CODES for code in leg.sip_codes)
    cause = _sip(refusals[-1]) if refusals else None
    if any(code in DECLINED_CODES for code in refusals) or (not refusals and leg.hangup_cause == Q850_CALL_REJECTED):
        return Verdict(Outcome.FAIL_USER_NO_ANSWER, cause or _q850(leg.hangup_cause))
    if leg.dial_status in _NOBODY_FREE:
        return Verdict(Outcome.FAIL_USER_BUSY, cause or _q850(leg.hangup_cause))
    if rang or 0 in leg.sip_codes:
        return Verdict(Outcome.FAIL_USER_NO_ANSWER)
    return Verdict(Outcome.FAIL_USER_BUSY, cause or "No reply from the employee's telephone")


def _decide_queue(leg: InRecord) -> Verdict:
    """The caller left the queue without having talked to a member."""
    cause = f"Queue {leg.queue_status}"
    if leg.queue_status in _QUEUE_CLOSED:
        return Verdict(Outcome.FAIL_USER_BUSY, cause)
    if any(code in RINGING_CODES | DECLINED_CODES | {0} for code in leg.sip_codes):
        return Verdict(Outcome.FAIL_USER_NO_ANSWER, cause)
    return Verdict(Outcome.FAIL_USER_BUSY, f"{cause}, no member was free")


def decide(
    kind: InnerNumType,
    out: OutRecord | None,
    leg: InRecord | None,
    *,
    answered: bool,
    dialogue_begun: bool,
    dialogue_finished: bool,
    callback: bool = False,
) -> Verdict:
    """The result of an attempt whose evidence is complete, or as complete as it will ever be."""
    if callback:
        return decide_callback(out, leg, answered=answered)
    if not answered:
        return decide_unanswered(out) if out else Verdict(Outcome.FAIL, "Nobody can say what became of the call")
    machine = _decide_machine(leg) if leg else None
    if machine is not None:
        return machine
    if kind is not InnerNumType.EXTEN:
        return decide_polling(out, leg, begun=dialogue_begun, finished=dialogue_finished)
    return decide_talk(out, leg)


def _sip(code: int) -> str:
    return f"SIP {code} {SIP_REASONS.get(code, '')}".rstrip()


def _q850(cause: int) -> str:
    return f"Q.850 {cause} {Q850_REASONS.get(cause, '')}".rstrip()
