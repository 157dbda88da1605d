"""The result of a call, case by case: the table of facts observed on Asterisk 22."""

import pytest

from dialer.model.outcome import Outcome
from dialer.model.records import BadRecordError, InRecord, OutRecord, parse_record
from dialer.model.task import InnerNumType
from dialer.model.verdict import decide, decide_talk, decide_unanswered

O = Outcome  # noqa: E741

UNANSWERED = [
    # DIALSTATUS, Q.850, SIP codes of the trunks, outcome, cause
    ("BUSY", 17, (486,), O.FAIL, "SIP 486 Busy Here"),
    ("BUSY", 17, (600,), O.FAIL, "SIP 600 Busy Everywhere"),
    ("NOANSWER", 16, (180,), O.FAIL, "No answer"),
    ("NOANSWER", 16, (183,), O.FAIL, "No answer"),
    ("CANCEL", 19, (180,), O.FAIL, "No answer"),
    ("NOANSWER", 19, (480,), O.FAIL, "SIP 480 Temporarily Unavailable"),
    ("CHANUNAVAIL", 18, (408,), O.FAIL, "SIP 408 Request Timeout"),
    ("CHANUNAVAIL", 21, (603,), O.FAIL, "SIP 603 Decline"),
    ("CHANUNAVAIL", 21, (403,), O.FAIL_PROVIDER, "SIP 403 Forbidden"),
    ("CHANUNAVAIL", 1, (404,), O.FAIL, "SIP 404 Not Found"),
    ("CHANUNAVAIL", 22, (410,), O.FAIL, "SIP 410 Gone"),
    ("CHANUNAVAIL", 28, (484,), O.FAIL, "SIP 484 Address Incomplete"),
    ("CONGESTION", 34, (503,), O.FAIL_PROVIDER, "SIP 503 Service Unavailable"),
    ("CHANUNAVAIL", 38, (500,), O.FAIL_PROVIDER, "SIP 500 Server Internal Error"),
    ("CHANUNAVAIL", 127, (402,), O.FAIL_PROVIDER, "SIP 402 Payment Required"),
    ("NOANSWER", 16, (), O.FAIL_PROVIDER, "No reply from the provider, no ringing seen"),
    ("CHANUNAVAIL", 18, (), O.FAIL_PROVIDER, "Q.850 cause 18"),
    ("CHANUNAVAIL", 3, (), O.FAIL_PROVIDER, "Q.850 cause 3"),
    ("", 0, (), O.FAIL_ROUTE, "No outgoing route"),
    # two trunks: a word about the subscriber outweighs a word about the trunk
    ("CONGESTION", 34, (486, 503), O.FAIL, "SIP 486 Busy Here"),
    ("BUSY", 17, (503, 486), O.FAIL, "SIP 486 Busy Here"),
]


@pytest.mark.parametrize(("status", "q850", "codes", "outcome", "cause"), UNANSWERED)
def test_unanswered(status: str, q850: int, codes: tuple[int, ...], outcome: Outcome, cause: str) -> None:
    verdict = decide_unanswered(OutRecord(status, q850, codes, False))
    assert (verdict.outcome, verdict.cause) == (outcome, cause)


def out(subscriber_hung_up: bool) -> OutRecord:
    return OutRecord("ANSWER", 16, (200,), subscriber_hung_up)


def leg(status: str = "", queue: str = "", talk_s: str = "", q850: int = 16) -> InRecord:
    return InRecord(status, queue, talk_s, q850, "", "")


TALKS = [
    (out(True), leg("ANSWER"), O.SUCCESS_CLIENT_H),
    (out(False), leg("ANSWER"), O.SUCCESS_USER_H),
    (None, leg("ANSWER"), O.SUCCESS),
    (out(False), leg("BUSY", q850=17), O.FAIL_USER_BUSY),
    (out(False), leg("CHANUNAVAIL", q850=3), O.FAIL_USER_BUSY),
    (out(False), leg("CONGESTION", q850=34), O.FAIL_USER_BUSY),
    (out(False), leg("CHANUNAVAIL", q850=21), O.FAIL_USER_NO_ANSWER),
    (out(False), leg("NOANSWER"), O.FAIL_USER_NO_ANSWER),
    (out(True), leg("CANCEL"), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(True), leg(), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(True), None, O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(False), None, O.FAIL),
    (out(False), leg(), O.FAIL_USER_BUSY),
    (out(False), leg(queue="TIMEOUT"), O.FAIL_USER_NO_ANSWER),
    (out(False), leg(queue="JOINEMPTY"), O.FAIL_USER_BUSY),
    (out(False), leg(queue="FULL"), O.FAIL_USER_BUSY),
    (out(True), leg(talk_s="3"), O.SUCCESS_CLIENT_H),
    (out(False), leg(talk_s="0"), O.SUCCESS_USER_H),
]


@pytest.mark.parametrize(("outbound", "inbound", "outcome"), TALKS)
def test_talk(outbound: OutRecord | None, inbound: InRecord | None, outcome: Outcome) -> None:
    assert decide_talk(outbound, inbound).outcome is outcome


def polled(
    dialogue: str, agi_status: str, *, subscriber_hung_up: bool = False, begun: bool = False
) -> tuple[Outcome, str | None]:
    record = InRecord("", "", "", 16, dialogue, agi_status)
    verdict = decide(
        InnerNumType.POLLING,
        out(subscriber_hung_up),
        record,
        answered=True,
        dialogue_begun=begun,
        dialogue_finished=False,
    )
    return verdict.outcome, verdict.cause


def test_dialogue_service_down_is_a_failed_polling_that_says_so() -> None:
    assert polled("", "FAILURE") == (O.FAIL_POLLING, "Dialogue service not reachable")


def test_who_ended_a_polling_early_is_told_by_the_cause() -> None:
    assert polled("", "HANGUP", subscriber_hung_up=True) == (O.FAIL_POLLING, None)
    assert polled("", "HANGUP") == (O.FAIL_POLLING, None)  # also who leaves before Asterisk notes which side it was
    assert polled("", "SUCCESS", begun=True)[1] == "Dialogue broken off: the dialer or Asterisk stopped"
    assert polled("unplayable", "SUCCESS", begun=True) == (O.FAIL_POLLING, "A prompt could not be played")


def test_the_records_own_word_is_enough_for_a_finished_polling() -> None:
    assert polled("finished", "SUCCESS") == (O.SUCCESS_POLLING, None)


def test_records_are_read_as_the_dialplan_writes_them() -> None:
    assert parse_record("out|CHANUNAVAIL|21| 603 503|") == OutRecord("CHANUNAVAIL", 21, (603, 503), False)
    assert parse_record("out|ANSWER|16| 200|subscriber") == OutRecord("ANSWER", 16, (200,), True)
    assert parse_record("out|BUSY|17| HA 486|") == OutRecord("BUSY", 17, (486,), False)  # a trunk that is not SIP
    assert parse_record("out||0||") == OutRecord("", 0, (), False)
    assert parse_record("in|ANSWER||4|16|finished|SUCCESS") == InRecord("ANSWER", "", "4", 16, "finished", "SUCCESS")


@pytest.mark.parametrize("text", ["", "out", "out|a|b|c|d", "in|ANSWER", "up|ANSWER|16| 200|", "out|BUSY|17|486|x|y"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(BadRecordError):
        parse_record(text)
