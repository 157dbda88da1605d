"""The life of one attempt to reach one number.

States, spelled as the API spells them, and who moves an attempt on
  CreateTask        waiting for a channel                      scheduler; after a crash: nobody needs to
  CreateCallFile    a call file lies in the spool              claim; reconciliation gives it back when none came
  afterDialOut      leave to dial was given (durable)          subscriber's answer, or the outbound leg's record
  startDial         answered, the employee is being called     records of the legs
                    (callback: the employee has answered, the subscriber is being called)
  EVENT_POLLING     answered, the dialogue runs                the dialogue, or records of the legs
  EVENT_POLLING_END the dialogue reached its end               records of the legs
After CreateTask and CreateCallFile nothing was dialled. From afterDialOut on an attempt is never dialled again.

  state \\ event     | spooled | granted | undialled | answered | dialogue on, end | talk began | a leg's record | lost
  CreateTask        | +       | -       | -         | -        | -           -    | -          | -              | -
  CreateCallFile    | -       | +       | CreateTask| -        | -           -    | -          | -              | -
  afterDialOut      | -       | -       | (1)       | +        | +           +    | noted      | noted          | closes
  startDial         | -       | -       | (2)       | -        | -           -    | noted      | noted          | closes
  EVENT_POLLING     | -       | -       | -         | -        | -           +    | noted      | noted          | closes
  EVENT_POLLING_END | -       | -       | -         | -        | -           -    | noted      | noted          | closes
  closed            | -       | -       | -         | -        | -           -    | -          | -              | -
  +: the next state · -: ignored, nothing changes (events come late, twice and out of order)
  A record, an answer or a talk that is of another call than the one that got leave is ignored.
  noted: kept as evidence (a talk once). A record closes the attempt when the evidence is complete: the outbound leg's
  record without an answer, or the records of both legs; in a callback, where the employee is called first, the
  employee's leg's record without an answer, or both. `CallLost` closes it when the second record is not coming.
  (1) CreateTask, but only on the word of the very call that got the leave: it says that it did not dial.
  (2) Likewise in a callback: the employee has answered, and the subscriber was not dialled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dialer.model.outcome import Outcome
from dialer.model.records import InRecord, OutRecord
from dialer.model.task import InnerNumType
from dialer.model.verdict import Q850_NORMAL, Verdict, decide


class AttemptState(StrEnum):
    """`state` of a result row. The last three are shown only for closed attempts."""

    CREATED = "CreateTask"
    SPOOLED = "CreateCallFile"
    DIALLING = "afterDialOut"
    CONNECTING = "startDial"
    POLLING = "EVENT_POLLING"
    POLLED = "EVENT_POLLING_END"
    ENDED = "endCall"
    NOT_REACHED = "failedOriginate"
    NO_EMPLOYEE = "allUserBusy"


S = AttemptState
DIALLED_STATES = frozenset({S.DIALLING, S.CONNECTING, S.POLLING, S.POLLED})
_ANSWERED_STATES = frozenset({S.CONNECTING, S.POLLING, S.POLLED})


@dataclass(frozen=True, slots=True)
class CallFileWritten:
    """The scheduler put a call file into the spool."""


@dataclass(frozen=True, slots=True)
class ClaimGranted:
    """The daemon gave leave to dial, and that is committed."""

    linked_id: str = ""
    """Asterisk's id of the call that got it."""


@dataclass(frozen=True, slots=True)
class NeverDialled:
    """Nothing reached a trunk: the claim was refused, its answer did not arrive, or it never came."""

    linked_id: str = ""
    """The call that says so; empty when there was none."""


@dataclass(frozen=True, slots=True)
class SubscriberAnswered:
    """The answered leg began to call the other side: the employee, in a callback the subscriber."""

    linked_id: str = ""
    """The call that says so."""


@dataclass(frozen=True, slots=True)
class DialogueStarted:
    """The answered leg's FastAGI session began."""


@dataclass(frozen=True, slots=True)
class DialogueFinished:
    """The dialogue reached its end."""


@dataclass(frozen=True, slots=True)
class TalkBegan:
    """Subscriber and employee are connected."""

    linked_id: str = ""
    """The call that says so …"""
    channel_id: str = ""
    """… and its channel: whom an employee's older call has lent its linked id still has the id of its own."""


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A hangup handler's record."""

    record: OutRecord | InRecord


@dataclass(frozen=True, slots=True)
class CallLost:
    """Reconciliation: the call has no channel any more and what it left behind is all there will be."""


AttemptEvent = (
    CallFileWritten
    | ClaimGranted
    | NeverDialled
    | SubscriberAnswered
    | DialogueStarted
    | DialogueFinished
    | TalkBegan
    | LegEnded
    | CallLost
)


class Attempt(NamedTuple):
    """One attempt and the evidence collected about it. (A tuple: a change of a frozen dataclass takes five times as
    long, and a call changes half a dozen times.)"""

    attempt_id: int
    task_id: int
    kind: InnerNumType
    state: AttemptState = S.CREATED
    linked_id: str = ""
    """Asterisk's id of the call that was given leave to dial."""
    out_record: OutRecord | None = None
    in_record: InRecord | None = None
    verdict: Verdict | None = None
    callback: bool = False
    """The employee is called first."""
    talking: bool = False
    """Subscriber and employee have been connected."""
    success_after_s: int | None = None
    """A call that lasted so long has had its dialogue."""

    @property
    def closed(self) -> bool:
        return self.verdict is not None

    @property
    def answered(self) -> bool:
        """Whether the subscriber picked up, by any of the traces an answer leaves. Asterisk answers the leg also where
        the routes themselves do, with an announcement after a Dial that failed: then the Dial's word counts."""
        if self.out_record is not None and (self.callback or self.out_record.dial_status):
            return self.out_record.answered
        if self.callback:
            return self.talking
        return self.talking or self.in_record is not None or self.state in _ANSWERED_STATES

    @property
    def talked(self) -> bool:
        """Whether subscriber and employee were connected, as far as the records tell."""
        return self.in_record is not None and self.in_record.talked and (self.answered or not self.callback)

    @property
    def awaits_record(self) -> bool:
        """One leg has reported and the other should within moments."""
        return not self.closed and (self.out_record is not None or self.in_record is not None)


_MOVES: Mapping[tuple[AttemptState, type], AttemptState] = {
    (S.CREATED, CallFileWritten): S.SPOOLED,
    (S.SPOOLED, NeverDialled): S.CREATED,
    (S.DIALLING, SubscriberAnswered): S.CONNECTING,
    (S.DIALLING, DialogueStarted): S.POLLING,
    (S.DIALLING, DialogueFinished): S.POLLED,
    (S.POLLING, DialogueFinished): S.POLLED,
}


def apply_event(attempt: Attempt, event: AttemptEvent) -> Attempt:
    """The attempt after the event; the same object when the event changes nothing. Total: never raises."""
    if attempt.closed or is_of_another_call(attempt, event):
        return attempt
    if isinstance(event, LegEnded):
        return _note_record(attempt, event.record)
    if isinstance(event, CallLost):
        return _close_lost(attempt) if attempt.state in DIALLED_STATES else attempt
    if isinstance(event, TalkBegan):
        begins = attempt.state in DIALLED_STATES and not attempt.talking
        return attempt._replace(talking=True) if begins else attempt
    if isinstance(event, ClaimGranted):
        waits = attempt.state is S.SPOOLED
        return attempt._replace(state=S.DIALLING, linked_id=event.linked_id) if waits else attempt
    if isinstance(event, NeverDialled) and _got_no_answer(attempt, event):
        return attempt._replace(state=S.CREATED, linked_id="", in_record=None)
    moved = _MOVES.get((attempt.state, type(event)))
    return attempt if moved is None else attempt._replace(state=moved)


def is_of_another_call(attempt: Attempt, event: AttemptEvent) -> bool:
    """A call that somebody else placed under this attempt's number: another database's, before this one was put in its
    place. What does not say whose it is comes from the first version of the dialplan."""
    if isinstance(event, LegEnded):
        said = event.record.call
    elif isinstance(event, (SubscriberAnswered, TalkBegan)):
        said = event.linked_id
    else:
        return False
    if said == "" or attempt.linked_id in {"", said}:
        return False
    return not (isinstance(event, TalkBegan) and event.channel_id == attempt.linked_id)


def _got_no_answer(attempt: Attempt, event: NeverDialled) -> bool:
    """The connection broke under the granted answer: the call that asked for leave says that it did not dial."""
    same_call = event.linked_id != "" and event.linked_id == attempt.linked_id
    if attempt.callback:  # the employee's leg may have ended in the meantime, the subscriber's was none
        undialled = attempt.state in {S.DIALLING, S.CONNECTING} and attempt.out_record is None and not attempt.talking
        return undialled and not attempt.closed and same_call
    return attempt.state is S.DIALLING and same_call and not attempt.awaits_record and not attempt.talking


def _note_record(attempt: Attempt, record: OutRecord | InRecord) -> Attempt:
    if attempt.state not in DIALLED_STATES:
        return attempt
    if isinstance(record, OutRecord):
        noted = attempt if attempt.out_record else attempt._replace(out_record=record)
    else:
        noted = attempt if attempt.in_record else attempt._replace(in_record=record)
    return _close(noted) if _is_complete(noted) else noted


def _is_complete(attempt: Attempt) -> bool:
    """Whether no other record can be coming."""
    out, leg = attempt.out_record, attempt.in_record
    if attempt.callback:
        return leg is not None and (out is not None or (_found_nobody(leg) and not attempt.talking))
    return out is not None and (leg is not None or not attempt.answered)


def _found_nobody(leg: InRecord) -> bool:
    """The internal number says that no employee answered. One that says nothing (a conference, an IVR) may have found
    somebody in a way of its own."""
    return not leg.talked and (leg.shown_status != "" or leg.from_queue or leg.hangup_cause not in {0, Q850_NORMAL})


def _close_lost(attempt: Attempt) -> Attempt:
    if attempt.awaits_record or attempt.state is S.POLLED:
        return _close(attempt)
    return attempt._replace(
        verdict=Verdict(Outcome.FAIL, "Lost: Asterisk or the dialer stopped during the call, its end was not seen"),
    )


def _close(attempt: Attempt) -> Attempt:
    talked_s = attempt.out_record.talked_s if attempt.out_record else None
    long_enough = attempt.success_after_s is not None and (talked_s or 0) >= attempt.success_after_s
    verdict = decide(
        attempt.kind,
        attempt.out_record,
        attempt.in_record,
        callback=attempt.callback,
        answered=attempt.answered,
        dialogue_begun=attempt.state is S.POLLING,
        dialogue_finished=attempt.state is S.POLLED or long_enough,
    )
    return attempt._replace(verdict=verdict)


_UNREACHED = frozenset({Outcome.FAIL, Outcome.FAIL_ROUTE, Outcome.FAIL_PROVIDER})


def shown_state(attempt: Attempt) -> AttemptState:
    """The state as the API shows it; for a closed attempt it follows from the outcome."""
    if attempt.verdict is None:
        return attempt.state
    match attempt.verdict.outcome:
        case Outcome.SUCCESS_POLLING:
            return S.POLLED
        case Outcome.FAIL_USER_BUSY:
            return S.NO_EMPLOYEE
        case outcome if outcome in _UNREACHED and not attempt.answered:
            return S.NOT_REACHED
        case _:
            return S.ENDED
