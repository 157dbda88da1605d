"""The result of a call, case by case: the table of facts observed on Asterisk 22."""

import pytest

from dialer.model.outcome import Outcome
from dialer.model.records import BadRecordError, InRecord, OutRecord, parse_record
from dialer.model.task import InnerNumType
from dialer.model.verdict import decide, decide_callback, decide_talk, decide_unanswered, dial_status_shown

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
    ("CHANUNAVAIL", 18, (), O.FAIL_PROVIDER, "Q.850 18 No user responding"),
    ("CHANUNAVAIL", 3, (), O.FAIL_PROVIDER, "Q.850 3 No route to destination"),
    ("", 0, (), O.FAIL_ROUTE, "No outgoing route"),
    ("", 1, (), O.FAIL_ROUTE, "No outgoing route"),  # routes that end in Hangup(1)
    ("", 19, (), O.FAIL, "No answer: the routes had not dialled yet"),
    # several trunks: the last one that spoke to the subscriber decides
    ("CONGESTION", 34, (486, 503), O.FAIL, "SIP 486 Busy Here"),
    ("BUSY", 17, (503, 486), O.FAIL, "SIP 486 Busy Here"),
    ("NOANSWER", 16, (486, 180), O.FAIL, "No answer"),
    ("BUSY", 17, (180, 486), O.FAIL, "SIP 486 Busy Here"),
    ("CONGESTION", 34, (180, 503), O.FAIL, "No answer"),
    ("CHANUNAVAIL", 21, (500, 403), O.FAIL_PROVIDER, "SIP 403 Forbidden"),
    ("NOANSWER", 16, (403,), O.FAIL_PROVIDER, "SIP 403 Forbidden"),  # the second one kept silent
    ("CANCEL", 21, (603, 180), O.FAIL, "SIP 603 Decline"),  # stopped as the second telephone rang
    ("CANCEL", 19, (603, 180), O.FAIL, "No answer"),
    # trunks that are not SIP
    ("BUSY", 17, (0,), O.FAIL, "Q.850 17 User busy"),
    ("NOANSWER", 19, (0,), O.FAIL, "No answer"),
    ("CHANUNAVAIL", 1, (0,), O.FAIL, "Q.850 1 Unallocated number"),
    ("CONGESTION", 34, (0,), O.FAIL_PROVIDER, "Q.850 34 No circuit available"),
]


@pytest.mark.parametrize(("status", "q850", "codes", "outcome", "cause"), UNANSWERED)
def test_unanswered(status: str, q850: int, codes: tuple[int, ...], outcome: Outcome, cause: str) -> None:
    verdict = decide_unanswered(OutRecord(status, q850, codes, False))
    assert (verdict.outcome, verdict.cause) == (outcome, cause)


@pytest.mark.parametrize(
    ("status", "codes", "shown"),
    [
        ("BUSY", (486,), "BUSY"),
        ("NOANSWER", (180,), "NOANSWER"),
        ("CANCEL", (180,), "CANCEL"),
        ("CANCEL", (603,), "CHANUNAVAIL"),  # the second trunk was stopped before it said a word
        ("NOANSWER", (480,), "NOANSWER"),
        ("CONGESTION", (503,), "CONGESTION"),
        ("CONGESTION", (486, 503), "BUSY"),
        ("CONGESTION", (180, 503), "NOANSWER"),
        ("CONGESTION", (603, 503), "CHANUNAVAIL"),
        ("", (), ""),
    ],
)
def test_the_dial_status_shown_is_that_of_the_trunk_that_decided(
    status: str, codes: tuple[int, ...], shown: str
) -> None:
    assert dial_status_shown(OutRecord(status, 16, codes, False)) == shown


def out(subscriber_hung_up: bool) -> OutRecord:
    return OutRecord("ANSWER", 16, (200,), subscriber_hung_up)


def leg(
    status: str = "",
    queue: str = "",
    talk_s: str = "",
    q850: int = 16,
    *,
    codes: tuple[int, ...] = (),
    employee_hung_up: bool = False,
) -> InRecord:
    return InRecord(status, queue, talk_s, q850, "", "", codes, employee_hung_up)


TALKS = [
    (out(True), leg("ANSWER"), O.SUCCESS_CLIENT_H),
    (out(False), leg("ANSWER", employee_hung_up=True), O.SUCCESS_USER_H),
    (None, leg("ANSWER", employee_hung_up=True), O.SUCCESS_USER_H),
    (None, leg("ANSWER"), O.SUCCESS),
    (out(False), leg("ANSWER"), O.SUCCESS),  # an administrator or the limit of a call's length
    (out(False), leg("BUSY", q850=17), O.FAIL_USER_BUSY),
    (out(False), leg("CHANUNAVAIL", q850=3), O.FAIL_USER_BUSY),
    (out(False), leg("CONGESTION", q850=34), O.FAIL_USER_BUSY),
    (out(False), leg("CHANUNAVAIL", q850=21), O.FAIL_USER_NO_ANSWER),
    (out(False), leg("NOANSWER", codes=(180,)), O.FAIL_USER_NO_ANSWER),
    (out(False), leg("NOANSWER", codes=(0,)), O.FAIL_USER_NO_ANSWER),  # a telephone that is not SIP
    (out(False), leg("NOANSWER", q850=19, codes=(480,)), O.FAIL_USER_BUSY),
    (out(False), leg("NOANSWER"), O.FAIL_USER_BUSY),  # nobody listens there
    (out(False), leg("CHANUNAVAIL", q850=21, codes=(603,)), O.FAIL_USER_NO_ANSWER),
    (out(False), leg("CHANUNAVAIL", q850=21, codes=(403,)), O.FAIL_USER_BUSY),
    (out(False), leg("CANCEL", codes=(180,)), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(True), leg("CANCEL"), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(True), leg(), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(True), None, O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(False), None, O.FAIL),
    (out(False), leg(q850=0), O.FAIL_USER_BUSY),
    (out(False), leg(q850=1), O.FAIL_USER_BUSY),  # no such extension
    (out(False), leg(q850=17), O.FAIL_USER_BUSY),  # Hangup(17): do not disturb
    (out(True), leg("CANCEL", queue="TIMEOUT", talk_s="0"), O.FAIL_CLIENT_H_BEFORE_ANSWER),  # left in the overflow
    (out(True), leg(queue="TIMEOUT", talk_s="0", codes=(180,)), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (OutRecord("ANSWER", 16, (200,), False, cut=True), leg(talk_s="9", codes=(200,)), O.SUCCESS),
    (OutRecord("ANSWER", 16, (200,), False, cut=True), leg("ANSWER"), O.SUCCESS),
    (None, leg(talk_s="9", codes=(200,)), O.SUCCESS),
    (OutRecord("ANSWER", 16, (200,), False, side_untold=True), leg(talk_s="9", codes=(200,)), O.SUCCESS),
    (out(False), leg(), O.SUCCESS),  # an extension that neither dials nor queues
    (out(False), leg(queue="TIMEOUT", codes=(180, 486)), O.FAIL_USER_NO_ANSWER),
    (out(False), leg(queue="TIMEOUT", codes=(486, 486)), O.FAIL_USER_BUSY),
    (out(False), leg(queue="TIMEOUT"), O.FAIL_USER_BUSY),  # no member was free all the time
    (out(False), leg(queue="JOINEMPTY"), O.FAIL_USER_BUSY),
    (out(False), leg(queue="FULL"), O.FAIL_USER_BUSY),
    (out(True), leg(talk_s="3"), O.SUCCESS_CLIENT_H),
    (out(False), leg(talk_s="3"), O.SUCCESS_USER_H),
    (out(False), leg(talk_s="0", codes=(180, 200)), O.SUCCESS_USER_H),  # less than a second
    (out(True), leg(talk_s="0", codes=(180, 200)), O.SUCCESS_CLIENT_H),
    (out(True), leg(talk_s="0", codes=(180,)), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(False), leg(talk_s="0", codes=(180,)), O.FAIL_CLIENT_H_BEFORE_ANSWER),
    (out(False), leg(queue="TIMEOUT", talk_s="0", codes=(180,)), O.FAIL_USER_NO_ANSWER),
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
    assert polled("", "") == (O.FAIL_POLLING, None), "gone in the moment of the answer, before the dialogue"


def test_who_ended_a_polling_early_is_told_by_the_cause() -> None:
    assert polled("", "HANGUP", subscriber_hung_up=True) == (O.FAIL_POLLING, None)
    assert polled("", "HANGUP") == (O.FAIL_POLLING, None)  # also who leaves before Asterisk notes which side it was
    assert polled("", "SUCCESS", begun=True)[1] == "Dialogue broken off: the dialer or Asterisk stopped"
    assert polled("unstored", "SUCCESS", begun=True) == (O.FAIL_POLLING, "An answer could not be stored")
    assert polled("unplayable", "SUCCESS", begun=True) == (O.FAIL_POLLING, "A prompt could not be played")


@pytest.mark.parametrize("side", [True, False])
def test_a_dialogue_without_its_goal_says_whether_the_subscriber_refused(side: bool) -> None:
    assert polled("missed", "SUCCESS", subscriber_hung_up=side, begun=True) == (
        O.FAIL_POLLING, "The dialogue ended without its goal",
    )  # fmt: skip
    refused = "Refused: the subscriber pressed the key for that"
    assert polled("refused", "SUCCESS", subscriber_hung_up=side, begun=True) == (O.FAIL_POLLING, refused)


def hunted(dialogue: str, status: str, *, finished: bool = False, codes: tuple[int, ...] = ()) -> Outcome:
    record = InRecord(status, "", "", 16, dialogue, "HANGUP", codes, employee="201")
    return decide(
        InnerNumType.SCRIPT, out(True), record, answered=True, dialogue_begun=True, dialogue_finished=finished
    ).outcome


def test_a_talk_with_an_employee_who_was_hunted_for_is_the_goal_however_it_ended() -> None:
    assert hunted("hunting", "ANSWER") is O.SUCCESS_POLLING
    assert hunted("hunting", "", codes=(180, 200)) is O.SUCCESS_POLLING
    assert hunted("hunting", "CANCEL", codes=(180,)) is O.FAIL_POLLING, "left while the employee was rung"
    assert hunted("hunting", "") is O.FAIL_POLLING
    assert hunted("", "ANSWER") is O.FAIL_POLLING, "a talk that is not the goal"
    assert hunted("", "CANCEL", finished=True) is O.SUCCESS_POLLING, "the goal was reached before"


@pytest.mark.parametrize("dialogue", ["missed", "refused", "hunting", ""])
def test_a_goal_that_was_reached_is_a_success_whatever_the_record_says(dialogue: str) -> None:
    assert hunted(dialogue, "CANCEL", finished=True) is O.SUCCESS_POLLING


def test_a_machine_is_a_machine_also_after_the_goal() -> None:
    assert hunted("machine", "", finished=True) is O.FAIL


MACHINES = [
    # dialogue, AGISTATUS, what follows "Answering machine"
    ("machine", "", ""),
    ("message", "SUCCESS", ": message left"),
    ("unsaid", "HANGUP", ": hung up before the end of the message"),
    ("unsaid", "", ": hung up before the end of the message"),  # before its beep
    ("unsaid", "FAILURE", ": no message left, dialogue service not reachable"),
    ("unsaid", "SUCCESS", ": the message was broken off, the dialer stopped"),
    ("unspoken", "SUCCESS", ": the message could not be played"),
    ("endless", "", ": no end of its greeting, no message left"),
]


@pytest.mark.parametrize("kind", InnerNumType)
@pytest.mark.parametrize(("dialogue", "agi_status", "cause"), MACHINES)
def test_an_answering_machine_is_a_fail_that_says_so_in_tasks_of_both_kinds(
    kind: InnerNumType, dialogue: str, agi_status: str, cause: str
) -> None:
    record = InRecord("", "", "", 16, dialogue, agi_status)
    for side in (True, False):
        verdict = decide(kind, out(side), record, answered=True, dialogue_begun=False, dialogue_finished=False)
        assert (verdict.outcome, verdict.cause) == (O.FAIL, f"Answering machine{cause}")


def test_who_leaves_while_amd_listens_is_no_machine() -> None:
    record = InRecord("", "", "", 16, "listening", "")
    assert decide_talk(out(False), record).outcome is O.FAIL_CLIENT_H_BEFORE_ANSWER
    assert polled("listening", "", subscriber_hung_up=True) == (O.FAIL_POLLING, None)
    assert polled("listening", "") == (O.FAIL_POLLING, None)


ABANDONED = "Abandoned: no employee was free"


@pytest.mark.parametrize(
    ("dialogue", "agi_status", "outcome", "cause"),
    [
        ("apologised", "SUCCESS", O.FAIL_USER_BUSY, f"{ABANDONED}, apology played"),
        ("abandoned", "SUCCESS", O.FAIL_USER_BUSY, ABANDONED),
        ("abandoned", "HANGUP", O.FAIL_USER_BUSY, ABANDONED),  # left in the apology
        ("", "HANGUP", O.FAIL_CLIENT_H_BEFORE_ANSWER, None),  # left while an employee was looked for
    ],
)
def test_a_subscriber_whom_no_employee_could_take(
    dialogue: str, agi_status: str, outcome: Outcome, cause: str | None
) -> None:
    for side in (True, False):
        verdict = decide_talk(out(side), InRecord("", "", "", 16, dialogue, agi_status))
        assert (verdict.outcome, verdict.cause) == (outcome, cause)


GAVE_UP = O.FAIL_USER_H_BEFORE_CLIENT_ANSWER
CALLBACKS = [
    # subscriber's leg, employee's leg, outcome, cause
    (None, leg("BUSY", q850=17, codes=(486,)), O.FAIL_USER_BUSY, "SIP 486 Busy Here"),
    (None, leg("CHANUNAVAIL", q850=3), O.FAIL_USER_BUSY, "Q.850 3 No route to destination"),
    (None, leg("NOANSWER", codes=(180,)), O.FAIL_USER_NO_ANSWER, None),
    (None, leg("CANCEL", q850=19, codes=(180,)), O.FAIL_USER_NO_ANSWER, None),  # the call file's time was over
    (None, leg("CANCEL", q850=19), O.FAIL_USER_BUSY, "No reply from the employee's telephone"),
    (None, leg("CHANUNAVAIL", q850=21, codes=(603,)), O.FAIL_USER_NO_ANSWER, "SIP 603 Decline"),
    (None, leg(queue="JOINEMPTY"), O.FAIL_USER_BUSY, "Queue JOINEMPTY"),
    (None, leg(queue="TIMEOUT", talk_s="0", codes=(180,)), O.FAIL_USER_NO_ANSWER, "Queue TIMEOUT"),
    (None, leg(talk_s="0", q850=19, codes=(180,)), O.FAIL_USER_NO_ANSWER, "Queue TIMEOUT"),
    (None, leg(talk_s="0", q850=19), O.FAIL_USER_BUSY, "Queue TIMEOUT, no member was free"),
    (None, leg(q850=1), O.FAIL_USER_BUSY, "No such internal number"),
    (None, leg(q850=17), O.FAIL_USER_BUSY, "Q.850 17 User busy"),
    (None, leg(), O.FAIL_USER_NO_ANSWER, "The internal number called nobody"),
    (None, leg("ANSWER"), O.FAIL, "No trace of the subscriber's leg"),
    (None, None, O.FAIL, "Nobody can say what became of the call"),
    (OutRecord("", 16, (), False, early=True), leg("ANSWER"), GAVE_UP, None),
    (OutRecord("CANCEL", 16, (180,), False), leg("ANSWER", employee_hung_up=True), GAVE_UP, None),
    (OutRecord("CANCEL", 0, (180,), False), leg(talk_s="4"), GAVE_UP, None),  # of a queue
    (OutRecord("", 16, (), False), leg("ANSWER", employee_hung_up=True), GAVE_UP, None),  # the routes took their time
    (OutRecord("CANCEL", 19, (180,), False), leg("ANSWER"), O.FAIL, "No answer"),
    (OutRecord("CANCEL", 19, (), False), leg("ANSWER"), O.FAIL_PROVIDER, "No reply from the provider, no ringing seen"),
    (OutRecord("BUSY", 17, (486,), False), leg("ANSWER"), O.FAIL, "SIP 486 Busy Here"),
    (OutRecord("CANCEL", 21, (603, 180), False), leg("ANSWER"), O.FAIL, "SIP 603 Decline"),
    (OutRecord("", 0, (), False), leg("ANSWER"), O.FAIL_ROUTE, "No outgoing route"),
    (OutRecord("CONGESTION", 34, (503,), False), leg("ANSWER"), O.FAIL_PROVIDER, "SIP 503 Service Unavailable"),
    (out(True), leg("ANSWER"), O.SUCCESS_CLIENT_H, None),
    (out(False), leg("ANSWER", employee_hung_up=True), O.SUCCESS_USER_H, None),
    (out(False), leg(talk_s="4"), O.SUCCESS_USER_H, None),  # a queue's member
    (out(False), leg("ANSWER"), O.SUCCESS, None),
    (out(True), None, O.SUCCESS_CLIENT_H, None),
]


@pytest.mark.parametrize(("outbound", "inbound", "outcome", "cause"), CALLBACKS)
def test_callback(outbound: OutRecord | None, inbound: InRecord | None, outcome: Outcome, cause: str | None) -> None:
    verdict = decide_callback(outbound, inbound, answered=outbound is not None and outbound.answered)
    assert (verdict.outcome, verdict.cause) == (outcome, cause)


def test_the_records_own_word_is_enough_for_a_finished_polling() -> None:
    assert polled("finished", "SUCCESS") == (O.SUCCESS_POLLING, None)


def test_records_are_read_as_the_dialplan_writes_them() -> None:
    declined = OutRecord("CHANUNAVAIL", 21, (603, 503), False)
    assert parse_record("out|CHANUNAVAIL|21|0000000f:603 00000010:503 ||") == declined
    assert parse_record("out|CHANUNAVAIL|21|00000010:503 0000000f:603 ||") == declined  # the keys have no order
    answered = OutRecord("ANSWER", 16, (200,), True, call="rig-1.0")
    assert parse_record("out|ANSWER|16|00000000:200 |subscriber|rig-1.0") == answered
    assert parse_record("out|ANSWER|16|00000000:200 |untold|") == OutRecord(
        "ANSWER", 16, (200,), False, side_untold=True
    )
    assert parse_record("out|BUSY|17|e11:HA  00000001:486 |").sip_codes == (486, 0)  # a trunk that is not SIP
    assert parse_record("out|BUSY|17|: |").sip_codes == (0,)
    assert parse_record("out|ANSWER|16|00000000:200 |limit") == OutRecord("ANSWER", 16, (200,), False, cut=True)
    assert parse_record("out||0||") == OutRecord("", 0, (), False)
    billed = OutRecord("ANSWER", 16, (200,), False, call="rig-1.0", talked_s=42)
    assert parse_record("out|ANSWER|16|00000000:200 ||rig-1.0|42") == billed
    busy = OutRecord("BUSY", 17, (486,), False, call="rig-1.0")
    assert parse_record("out|BUSY|17|00000000:486 ||rig-1.0|") == busy
    early = OutRecord("", 16, (), False, call="rig-1.0", early=True)
    assert parse_record("out||16||early|rig-1.0|") == early
    talk = InRecord("ANSWER", "", "4", 16, "finished", "SUCCESS", (180, 200), True, "rig-1.0")
    line = "in|ANSWER||4|16|finished|SUCCESS|0a:180 0b:200 |employee|rig-1.0"
    assert parse_record(f"{line}|201") == talk._replace(employee="201")
    assert parse_record(f"{line}|") == talk


def test_records_of_the_first_version_are_read_after_an_upgrade() -> None:
    assert parse_record("out|BUSY|17| 486|") == OutRecord("BUSY", 17, (486,), False)
    assert parse_record("in|ANSWER||4|16||HANGUP") == InRecord("ANSWER", "", "4", 16, "", "HANGUP")
    before_hunts = InRecord("ANSWER", "", "4", 16, "", "SUCCESS", (200,), True, "rig-1.0")
    assert parse_record("in|ANSWER||4|16||SUCCESS|0b:200 |employee|rig-1.0") == before_hunts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "out",
        "out|a|b|c|d",
        "in|ANSWER",
        "up|ANSWER|16| 200|",
        "out|BUSY|17|486|x|y|z",
        "out|BUSY|17|486|x|y|1|z",
        "in|a|b|c|1|d|e|f",
        "in|a|b|c|1|d|e|f|g|h|i|j",
        "in|a|b|c|x|d|e|f|g|h|i",
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(BadRecordError):
        parse_record(text)
