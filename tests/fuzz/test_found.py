"""Bytes that once broke what `check_…` promises, each kept as short as it shows the defect."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping

import pytest

from agi.session import HungUpError
from dialer.pbx.ami import AmiState
from tests.fuzz.agi_target import check_agi
from tests.fuzz.ami_target import ACCEPTED, BOOTED, GREETING, check_ami, connected, feed
from tests.fuzz.loops import TimelessLoop, run_timeless
from tests.fuzz.seeds import CHANNELS, CLAIM, DIALOGUE, items, message, reply
from tests.rig.waiting import wait_until
from tests.unit.test_agi_session import Wire as SocketWire

Check = Callable[[bytes], None]
_ZERO = b"200 result=0\n"
_DIGITS = "9" * 5000
_STATUS = {"Event": "ExtensionStatus", "Exten": "201", "Context": "internal", "Hint": "PJSIP/201"}
FOUND: Mapping[str, tuple[Check, bytes]] = {
    "a key that is no character": (check_agi, DIALOGUE + _ZERO + b"200 result=0 endpos=1\n200 result=1114112\n"),
    "a result that is no number to Python": (check_agi, DIALOGUE + f"200 result={_DIGITS}\n".encode()),
    "a repeated ActionID": (check_ami, b"Event: X\r\nActionID: 1\r\nActionID: 2\r\n\r\n"),
    "a repeated Event": (check_ami, b"Event: UserEvent\r\nEvent: X\r\n\r\n"),
    "a repeated Attempt": (
        check_ami,
        b"Event: UserEvent\r\nUserEvent: AutodialerGone\r\nAttempt: 1\r\nAttempt: 2\r\n\r\n",
    ),
    "an answer that speaks of a queue": (check_ami, reply("", "Originate successfully queued")),
    "a login that is answered with a list": (check_ami, GREETING + items("Login") + BOOTED),
    "a status with two signs": (check_ami, message({**_STATUS, "Status": "--5"})),
    "a status that is no number to Python": (check_ami, message({**_STATUS, "Status": _DIGITS})),
    "a channel of no attempt": (
        check_ami,
        items("CoreShowChannels", {"Event": "CoreShowChannel", "Channel": f"Local/{_DIGITS}@autodialer-out-0000002a;2"})
        + items("DBGetTree"),
    ),
    "a record of no attempt": (
        check_ami,
        CHANNELS
        + items("DBGetTree", {"Event": "DBGetTreeResponse", "Key": f"/autodialer/{_DIGITS}/out", "Val": "out||0|||x"}),
    ),
}


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found_does_no_harm_any_more(found: str) -> None:
    check, data = FOUND[found]
    check(data)


def test_of_headers_that_are_alike_the_first_counts() -> None:
    """Asterisk writes its own first; the dialplan's UserEvent() may have any after them."""

    async def listen(loop: TimelessLoop) -> None:
        client, wire = await connected(loop)
        heard: list[Mapping[str, str]] = []
        client.on_event = heard.append
        await feed(wire, b"Event: UserEvent\r\nUserEvent: X\r\nAttempt: 1\r\nevent: Hangup\r\nattempt: 2\r\n\r\n")
        client.close()
        assert [(event["Event"], event["Attempt"]) for event in heard] == [("UserEvent", "1")]

    run_timeless(listen, "dialer")


@pytest.mark.parametrize("begin", [b"", ACCEPTED + BOOTED])
def test_what_is_said_before_the_login_and_after_the_end_is_of_nobody(begin: bytes) -> None:
    async def listen(loop: TimelessLoop) -> None:
        client, wire = await connected(loop, begin and begin + message({"Event": "Shutdown"}))
        protocol = wire.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        protocol.data_received(BOOTED)  # in the same packet as what was before
        assert client.state is AmiState.AWAY
        client.close()

    run_timeless(listen, "dialer")


def test_a_login_that_is_accepted_in_the_moment_of_the_end_is_none() -> None:
    async def listen(loop: TimelessLoop) -> None:
        client, wire = await connected(loop, GREETING)
        action_id = wire.written.partition(b"ActionID: ")[2].partition(b"\r\n")[0]
        protocol = wire.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        protocol.data_received(reply().replace(b"@", action_id) + message({"Event": "Shutdown"}))
        await feed(wire, b"")
        assert client.state is AmiState.AWAY
        client.close()

    run_timeless(listen, "dialer")


async def test_a_client_that_resets_the_connection_has_hung_up() -> None:
    async with SocketWire() as wire:
        wire.asterisk.write(CLAIM)
        await wire.session.read_environment()
        linger = struct.pack("ii", 1, 0)
        wire.asterisk.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        wire.asterisk.transport.abort()
        await wait_until(wire.transport.is_closing, "the reset is seen")
        with pytest.raises(HungUpError):
            await wire.session.set_variable("AUTODIALER_CLAIM", "granted")
