"""The one door to Asterisk: what passes, and that nothing else does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.dispatch.callfile import CallFileSettings, render_call_file
from dialer.dispatch.recordings import new_talk_name
from dialer.model.call import CallOrder
from dialer.model.flow import Prompt
from dialer.model.rules import Amd
from dialer.model.safe import (
    UnsafeValueError,
    dial_string,
    phone_id_of,
    safe_caller,
    safe_context,
    safe_extension,
    safe_keys,
    safe_number,
    safe_prefix,
    safe_recording_name,
    safe_sound_path,
)
from dialer.model.task import InnerNumType

SETTINGS = CallFileSettings("127.0.0.1:4573", "outgoing", "internal", 45, 14_400, Path("/var/rec"))
HOSTILE = [
    "1\n2", "1\r\n2", "79520000000\nSetvar: X=1", "1|2", "1,2", "1;2", "1&2", "${CHANNEL}", "$[1+1]", "1\\2", "1\0",
    "٣٤٥", "１２３", "7 952", "a", "-1", "1" * 200, "../1", "1/2", "@context", '"', "'",
]  # fmt: skip


@pytest.mark.parametrize("door", [safe_number, safe_caller, safe_prefix, safe_extension, safe_keys])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_refused(door: Callable[[str], str], value: str) -> None:
    with pytest.raises(UnsafeValueError):
        door(value)


@pytest.mark.parametrize("value", ["a b", "a;b", "a${b}", "", "a\n"])
def test_contexts_are_plain_names(value: str) -> None:
    with pytest.raises(UnsafeValueError):
        safe_context(value)


@pytest.mark.parametrize("value", ["relative", "/a/../b", "/a b", "/a\n", '/a"b', "/a&b"])
def test_sound_paths_are_plain_and_absolute(value: str) -> None:
    with pytest.raises(UnsafeValueError):
        safe_sound_path(value)


@pytest.mark.parametrize(
    "value", ["", "a.wav", "talk-1-00.wav", "../talk-1-0123456789abcdef.wav", "talk-1-0123456789ABCDEF.wav"]
)
def test_recordings_have_names_of_our_making_only(value: str) -> None:
    with pytest.raises(UnsafeValueError):
        safe_recording_name(value)
    assert safe_recording_name(new_talk_name(17)).startswith("talk-17-")


def test_a_talk_is_recorded_to_the_folder_of_the_settings() -> None:
    order = CallOrder(1, 2, "79522233446", "", "201", InnerNumType.EXTEN, None, "talk-1-0123456789abcdef.wav")
    assert "Setvar: AUTODIALER_RECORD=/var/rec/talk-1-0123456789abcdef.wav\n" in render_call_file(order, SETTINGS)
    with pytest.raises(UnsafeValueError):
        render_call_file(replace(order, recording="x,b)&System(reboot"), SETTINGS)
    assert "RECORD" not in render_call_file(replace(order, recording=None), SETTINGS)


def test_what_telephones_need_passes() -> None:
    assert safe_number("+79522233446") == "+79522233446"
    assert safe_number("*45#") == "*45#"
    assert safe_prefix("") == ""
    assert dial_string("999", "79522233446") == "99979522233446"
    assert dial_string("999", "+79522233446") == "99979522233446"
    assert dial_string("", "+79522233446") == "+79522233446"


def test_phone_id_is_the_last_ten_digits_or_the_number_itself() -> None:
    assert phone_id_of("79522233446") == "9522233446"
    assert phone_id_of("+7 952".replace(" ", "") + "2233446") == "9522233446"
    assert phone_id_of("89522233446") == "9522233446"
    assert phone_id_of("112") == "112"
    assert phone_id_of("*45#") == "*45#"


def order(phone: str, prefix: str, inner_num: str) -> CallOrder:
    return CallOrder(7, 1_000_000_001, phone, prefix, inner_num, InnerNumType.EXTEN)


def test_a_call_file_says_what_the_dialplan_reads() -> None:
    text = render_call_file(order("79522233446", "999", "300"), SETTINGS)
    assert text.splitlines() == [
        "Channel: Local/7@autodialer-out/n",
        "Context: autodialer-answered",
        "Extension: exten",
        "Priority: 1",
        "WaitTime: 45",
        "MaxRetries: 0",
        "RetryTime: 86400",
        "Archive: no",
        "Setvar: AUTODIALER_ATTEMPT=7",
        "Setvar: AUTODIALER_SETTINGS=127.0.0.1:4573/outgoing/internal/14400",
        "Setvar: AUTODIALER_NUMBER=99979522233446",
        "Setvar: AUTODIALER_EXTEN=300",
    ]


def test_what_is_asked_of_a_call_is_in_its_call_file() -> None:
    plain = order("79522233446", "", "300")

    def more(**fields: object) -> list[str]:
        before = render_call_file(plain, SETTINGS).splitlines()
        return [
            line
            for line in render_call_file(replace(plain, **fields), SETTINGS).splitlines()  # type: ignore[arg-type]
            if line not in before
        ]

    assert more(dialled="+79522233446") == ["Setvar: AUTODIALER_NUMBER=+79522233446"]
    assert more(caller_id="74951234567") == ["Setvar: AUTODIALER_CALLER=74951234567"]
    assert more(amd=Amd.HANGUP) == ["Extension: machine", "Setvar: AUTODIALER_AMD=hangup"]
    assert more(amd=Amd.MESSAGE, message=Prompt("...")) == ["Extension: machine", "Setvar: AUTODIALER_AMD=message"]
    assert more(asks_for_employee=True) == ["Setvar: AUTODIALER_ASKS=1"]
    assert more(callback=True, amd=Amd.HANGUP) == [  # the employee waits: nobody is listened to
        "Channel: Local/7@autodialer-callback/n",
        "Extension: callback",
        "Setvar: _AUTODIALER_ATTEMPT=7",  # inherited: its second pair reads them, too
        "Setvar: _AUTODIALER_SETTINGS=127.0.0.1:4573/outgoing/internal/14400",
        "Setvar: _AUTODIALER_NUMBER=79522233446",
        "Setvar: _AUTODIALER_CALLBACK=1",
        "Setvar: _AUTODIALER_RING_S=45",
    ]


@pytest.mark.parametrize("value", ["", "*45", "74951#", "+", "7495 1234567", "<7495>"])
def test_a_number_that_is_shown_is_digits(value: str) -> None:
    with pytest.raises(UnsafeValueError):
        safe_caller(value)
    assert safe_caller("+74951234567") == "+74951234567"


dangerous = st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE), st.from_regex(r"[0-9*#+]{0,20}", fullmatch=True))


@given(dangerous, dangerous, dangerous)
def test_no_value_makes_a_second_line_or_an_expression_in_a_call_file(phone: str, prefix: str, inner: str) -> None:
    try:
        text = render_call_file(order(phone, prefix, inner), SETTINGS)
    except UnsafeValueError:
        return
    assert len(text.splitlines()) == 12
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/@-_=.*#+ \n")
