"""AMI against what no Asterisk should send."""

import asyncio
import re
import tracemalloc
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.pbx.ami import AmiState
from tests.fuzz.ami_target import ACCEPTED, BOOTED, GREETING, check_ami, connected, feed
from tests.fuzz.damage import NASTY, bounded, damaged
from tests.fuzz.loops import TimelessLoop, run_timeless
from tests.fuzz.memory import at_most
from tests.fuzz.seeds import EVENTS, ami_seeds, items, message, reply

MOST_MEMORY_BYTES = 8 << 20
_VALUE, _NUMBER = re.compile(rb"(?<=: )[^\r\n]*"), re.compile(rb"[0-9]+")
NAMES = sorted(
    {name for event in EVENTS for name in event} | {"ActionID", "Response", "Message", "EventList", "Content"}
)
WORDS = sorted({str(value) for event in EVENTS for value in event.values()})
name = st.sampled_from(NAMES).flatmap(lambda one: st.sampled_from((one, one, one.lower(), one.upper())))
numbers = st.sampled_from((b"--5", b"-", b"-1", b"2147483648", b"9" * 20, b"9" * 5000, "٣".encode(), b"1.5", b"0x1"))
value = st.one_of(
    st.sampled_from([word.encode() for word in WORDS]),
    st.sampled_from(NASTY),
    numbers,
    st.sampled_from((b"Success", b"Error", b"Follows", b"will follow", b"start", b"Complete", b"FullyBooted", b"@")),
    st.text(max_size=12).map(lambda text: text.encode(errors="replace")),
)
field = st.tuples(name, st.sampled_from((b": ", b": ", b": ", b":", b"")), value, st.sampled_from((b"\r\n", b"\n")))
KINDS = (*(f"Event: {event['Event']}\r\n".encode() for event in EVENTS), b"Response: Success\r\nActionID: @\r\n", b"")
kind = st.sampled_from(KINDS)
any_message = st.tuples(
    kind, st.lists(field.map(lambda parts: parts[0].encode() + parts[1] + parts[2] + parts[3]), max_size=6)
).map(lambda parts: parts[0] + b"".join(parts[1]) + b"\r\n")


@st.composite
def revalued(draw: st.DrawFn) -> bytes:
    """A conversation with up to three other values in its headers, or other numbers in these."""
    data = draw(st.sampled_from(ami_seeds()))
    for _ in range(draw(st.integers(1, 3))):
        places, others = draw(st.sampled_from(((_VALUE, value), (_NUMBER, numbers))))
        if spans := [found.span() for found in places.finditer(data)]:
            begin, end = draw(st.sampled_from(spans))
            data = data[:begin] + draw(others) + data[end:]
    return data


@bounded(60)
@given(st.sampled_from((b"", GREETING)), st.binary(max_size=1000))
def test_any_bytes(begin: bytes, data: bytes) -> None:
    check_ami(begin + data)


@bounded(120)
@given(damaged(ami_seeds()))
def test_damaged_conversations(data: bytes) -> None:
    check_ami(data)


@bounded(120)
@given(st.lists(any_message, min_size=1, max_size=5).map(b"".join))
def test_messages_with_fields_nobody_expects(data: bytes) -> None:
    check_ami(data)


@bounded(200)
@given(revalued())
def test_known_messages_with_values_nobody_expects(data: bytes) -> None:
    check_ami(data)


@bounded(60)
@given(st.lists(any_message, min_size=1, max_size=3).map(b"".join))
def test_a_login_that_is_answered_with_anything(data: bytes) -> None:
    check_ami(GREETING + data)


texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40)
header = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=12)
user_events = st.lists(
    st.dictionaries(header, texts, max_size=6).filter(
        lambda fields: (
            not {"event", "userevent", "actionid", "commandid"} & {one.lower() for one in fields}
            and len({one.lower() for one in fields}) == len(fields)
        )
    ),
    min_size=1,
    max_size=4,
)


@bounded(100)
@given(user_events)
def test_events_are_heard_as_they_were_sent(sent: list[dict[str, str]]) -> None:
    async def listen(loop: TimelessLoop) -> None:
        client, wire = await connected(loop)
        heard: list[Mapping[str, str]] = []
        client.on_event = heard.append
        events = [{"Event": "UserEvent", "UserEvent": "X", **fields} for fields in sent]
        await wire.feed(b"".join(map(message, events)))
        client.close()
        assert [
            {name: event.get(name) for name in wanted} for event, wanted in zip(heard, events, strict=True)
        ] == events

    run_timeless(listen, "dialer")


@pytest.mark.parametrize("endless", [b"x", b"Event: UserEvent\r\n", b"\r\nx\r"])
def test_a_message_that_never_ends_costs_neither_memory_nor_the_next_connection(endless: bytes) -> None:
    async def listen(loop: TimelessLoop) -> None:
        client, wire = await connected(loop)
        for _ in range(200):
            await wire.feed(endless * (70_000 // len(endless)))
            if wire.is_closing():
                break
        await asyncio.sleep(2)
        states = [client.state]
        assert "message" in client.problem
        await feed(loop.dialled[1], ACCEPTED + BOOTED)
        assert [*states, client.state] == [AmiState.AWAY, AmiState.READY]
        client.close()

    with at_most(MOST_MEMORY_BYTES):
        run_timeless(listen, "dialer")


def test_a_list_that_never_ends_is_forgotten_with_its_action() -> None:
    async def listen(loop: TimelessLoop) -> None:
        client, wire = await connected(loop)
        listing = asyncio.create_task(client.action({"Action": "CoreShowChannels"}, timeout_s=1))
        await asyncio.sleep(0)
        some = items("CoreShowChannels", {"Event": "CoreShowChannel", "Channel": "x" * 1000})
        await feed(wire, some[: some.index(b"Event: ListComplete")])
        with pytest.raises(TimeoutError):
            await listing
        before_bytes, _ = tracemalloc.get_traced_memory()
        await feed(wire, message({"Event": "CoreShowChannel", "ActionID": "@", "Channel": "x" * 60_000}) * 50)
        assert tracemalloc.get_traced_memory()[0] - before_bytes < 1_000_000
        asked = asyncio.create_task(client.action({"Action": "Ping"}))
        await asyncio.sleep(0)
        await feed(wire, reply("Ping", "pong"))
        assert (await asked)[0]["Message"] == "pong"
        client.close()

    with at_most(MOST_MEMORY_BYTES):
        run_timeless(listen, "dialer")
