"""The AMI client against a peer that does what a real Asterisk cannot be made to do, the bare library beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from panoramisk.manager import Manager

from dialer.pbx.ami import AmiClient, AmiDownError, AmiState, Forgetter
from tests.rig.waiting import wait_until

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GREETING = b"Asterisk Call Manager/9.0.0\r\n"
BOOTED = b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"
NAME = "Анна"


class Peer:
    """Half an Asterisk: logs in whoever comes, then runs a script per connection (the last one again and again)."""

    def __init__(self, *scripts: Script, login: str = "Success", mute_logins: int = 0) -> None:
        self.scripts = scripts
        self.login = login
        self.mute_logins = mute_logins
        """So many connections at first get a greeting and never another word."""
        self.actions: list[dict[str, str]] = []
        self.connections = 0
        self.port = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.write(GREETING)
            action = await self.read_action(reader)
            if self.connections <= self.mute_logins:
                await self.silence(reader, writer)
            writer.write(self.answer(action, self.login) + (BOOTED if self.login == "Success" else b""))
            await script(reader, writer)
        writer.close()

    async def read_action(self, reader: asyncio.StreamReader) -> dict[str, str]:
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
        action = dict(line.split(": ", 1) for line in text.strip().splitlines())
        self.actions.append(action)
        return action

    @staticmethod
    def answer(action: dict[str, str], response: str = "Success") -> bytes:
        return f"Response: {response}\r\nActionID: {action['ActionID']}\r\nMessage: x\r\n\r\n".encode()

    async def answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(self.answer(await self.read_action(reader)))

    async def silence(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while True:
            await self.read_action(reader)

    async def read_one_then_close(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await self.read_action(reader)


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[Peer]:
    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in peer.tasks:
            task.cancel()
        await asyncio.gather(*peer.tasks)


@asynccontextmanager
async def connected(peer: Peer, state: AmiState = AmiState.READY) -> AsyncIterator[AmiClient]:
    client = AmiClient("127.0.0.1", peer.port, "autodialer", "secret")
    client.start()
    try:
        await wait_until(lambda: client.state is state, f"AMI state {state}")
        yield client
    finally:
        client.close()


@asynccontextmanager
async def bare(peer: Peer) -> AsyncIterator[tuple[Any, list[Any]]]:
    """The library as it comes."""
    manager = Manager(
        loop=asyncio.get_running_loop(), host="127.0.0.1", port=peer.port, username="u", secret="s", reconnect_timeout=1
    )
    events: list[Any] = []
    manager.register_event("*", lambda _manager, event: events.append(event))
    manager.connect()
    try:
        yield manager, events
    finally:
        manager.reconnect_timeout = 3600
        manager.close()


async def unread_by_peer_is_zero(writer: asyncio.StreamWriter) -> None:
    """Return when the peer has taken all we sent: two writes in a row could arrive as one."""
    ours, theirs = (f"0100007F:{writer.get_extra_info(name)[1]:04X}" for name in ("sockname", "peername"))

    def taken() -> bool:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1:3] == [theirs, ours]:
                return fields[4].endswith(":00000000")  # the receive queue
        return False

    await wait_until(taken, "the peer has read")


async def send_split_letter(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    event = f"Event: UserEvent\r\nUserEvent: X\r\nName: {NAME}\r\n\r\n".encode()
    middle = event.index(NAME.encode()) + 1  # amid the first letter
    writer.write(event[:middle])
    await writer.drain()
    await unread_by_peer_is_zero(writer)
    writer.write(event[middle:])
    await writer.drain()
    await asyncio.Event().wait()


async def test_a_letter_split_over_two_packets_arrives_whole() -> None:
    async with serving(Peer(send_split_letter)) as peer:
        client = AmiClient("127.0.0.1", peer.port, "autodialer", "secret")
        heard: list[Any] = []
        client.on_event = heard.append
        client.start()
        await wait_until(lambda: heard, "the event")
        client.close()
        assert heard[0]["Name"] == NAME
    async with serving(Peer(send_split_letter)) as peer, bare(peer) as (_, events):
        await wait_until(lambda: [event for event in events if event.event == "UserEvent"], "the event")
        assert events[-1]["Name"] != NAME, "the bare library is mended: the subclass can go"


async def test_events_that_are_wanted_are_heard_asked_for_or_not_however_their_headers_are_written() -> None:
    async def tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Event: Newexten\r\nName: unwanted\r\n\r\nEvent: UserEvent\r\nNAME: unasked\r\n\r\n")
        writer.write(b"Event: UserEvent\r\nActionID: of nobody\r\nname: asked\r\n\r\n")
        await asyncio.Event().wait()

    heard: list[Any] = []
    async with serving(Peer(tell)) as peer:
        client = AmiClient("127.0.0.1", peer.port, "autodialer", "secret")
        client.on_event = heard.append
        client.start()
        await wait_until(lambda: len(heard) == 2, "both")
        client.close()
    assert [event["Name"] for event in heard] == ["unasked", "asked"]
    assert [event.get("nAmE") for event in heard] == ["unasked", "asked"]
    assert ["name" in event for event in heard] == [True, True]
    assert [event.get("Record", "none") for event in heard] == ["none", "none"]
    assert dict(heard[0]) == {"event": "UserEvent", "name": "unasked"}
    assert len(heard[0]) == 2


async def test_a_connection_that_does_not_answer_is_dropped_and_made_anew() -> None:
    peer = Peer()
    peer.scripts = (peer.silence, peer.answer_all)
    async with serving(peer), connected(peer) as client:
        watching = asyncio.create_task(client.watch(interval_s=0.05, timeout_s=0.2))
        await wait_until(lambda: peer.connections == 2 and client.state is AmiState.READY, "a second connection")
        watching.cancel()


async def test_a_login_that_is_never_answered_is_tried_anew() -> None:
    peer = Peer(mute_logins=1)
    peer.scripts = (peer.answer_all,)
    async with serving(peer), connected(peer, AmiState.AWAY) as client:
        watching = asyncio.create_task(client.watch(interval_s=0.05, timeout_s=0.2))
        await wait_until(lambda: client.state is AmiState.READY, "a second connection")
        assert peer.connections == 2
        watching.cancel()


async def test_a_connection_that_falls_silent_after_a_refused_login_is_tried_anew() -> None:
    peer = Peer(login="Error")
    peer.scripts = (peer.read_one_then_close,)
    async with serving(peer), connected(peer, AmiState.REFUSED) as client:
        watching = asyncio.create_task(client.watch(interval_s=0.05, timeout_s=0.2))
        peer.login, peer.mute_logins, peer.scripts = "Success", peer.connections + 1, (peer.answer_all,)
        client.drop()
        await wait_until(lambda: client.state is AmiState.READY, "a login after the silent connection")
        watching.cancel()


async def test_an_unanswered_action_fails_and_is_not_sent_again() -> None:
    peer = Peer()
    peer.scripts = (peer.read_one_then_close, peer.answer_all)
    async with serving(peer), connected(peer) as client:
        with pytest.raises(AmiDownError):
            await client.action({"Action": "DBDel", "Family": "autodialer", "Key": "1/out"})
        await wait_until(lambda: peer.connections == 2 and client.state is AmiState.READY, "a second connection")
        await client.action({"Action": "Ping"})
        assert [action["Action"] for action in peer.actions] == ["Login", "DBDel", "Login", "Ping"]
    peer = Peer()
    peer.scripts = (peer.read_one_then_close, peer.answer_all)
    async with serving(peer), bare(peer) as (manager, _):
        await wait_until(lambda: manager.authenticated, "bare login")
        manager.send_action({"Action": "DBDel", "Family": "autodialer", "Key": "1/out"})
        await wait_until(lambda: len([a for a in peer.actions if a["Action"] == "DBDel"]) == 2, "the bare one re-sends")


async def test_who_is_cancelled_at_the_moment_of_an_answer_ends() -> None:
    peer = Peer()

    async def answer_with_an_event(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = peer.answer(await peer.read_action(reader))
        writer.write(answer + b"Event: UserEvent\r\nUserEvent: X\r\n\r\n")
        await peer.answer_all(reader, writer)

    peer.scripts = (answer_with_an_event,)

    async def ping_for_ever(client: AmiClient) -> None:
        while True:
            await client.action({"Action": "Ping"})

    async with serving(peer), connected(peer) as client:
        asking = asyncio.create_task(ping_for_ever(client))

        def stop_asking(_event: object) -> None:
            asking.cancel()

        client.on_event = stop_asking
        await wait_until(asking.done, "the one who asks has ended", 5)
        assert asking.cancelled()


async def test_a_refused_login_is_told_from_an_absent_asterisk() -> None:
    peer = Peer(login="Error")
    peer.scripts = (peer.silence,)
    async with serving(peer), connected(peer, AmiState.REFUSED) as client:
        with pytest.raises(AmiDownError):
            await client.action({"Action": "Ping"})
    client = AmiClient("127.0.0.1", peer.port, "autodialer", "secret")
    client.start()
    assert client.state is AmiState.AWAY
    with pytest.raises(AmiDownError):
        await client.action({"Action": "Ping"})
    client.close()


async def test_a_line_break_cannot_make_a_second_header() -> None:
    client = AmiClient("127.0.0.1", 1, "u", "s")
    with pytest.raises(ValueError, match="plain ASCII"):
        await client.action({"Action": "DBDel\r\nX: y"})


async def test_finished_attempts_are_removed_from_astdb_leg_by_leg() -> None:
    peer = Peer()
    peer.scripts = (peer.answer_all,)
    async with serving(peer), connected(peer) as client:
        forgetter = Forgetter(client)
        running = asyncio.create_task(forgetter.run())
        for attempt_id in range(30):
            forgetter.forget(attempt_id, ("out", "in"))
        await wait_until(lambda: len(peer.actions) == 61, "60 removals")
        running.cancel()
        keys = {action["Key"] for action in peer.actions[1:]}
        assert keys == {f"{attempt_id}/{leg}" for attempt_id in range(30) for leg in ("in", "out")}


async def test_a_ping_that_is_refused_is_an_answer() -> None:
    """Asterisk 22 refuses every action while it waits for calls to end (`core stop gracefully`)."""
    peer = Peer()

    async def refuse_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(peer.answer(await peer.read_action(reader), "Error"))

    peer.scripts = (refuse_all,)
    async with serving(peer), connected(peer) as client:
        watching = asyncio.create_task(client.watch(interval_s=0.01, timeout_s=1))
        await wait_until(lambda: len(peer.actions) > 5, "several pings")
        assert not watching.done()
        assert client.state is AmiState.READY
        watching.cancel()


async def test_an_asterisk_that_has_refused_us_and_is_gone_is_away() -> None:
    """One that shuts down refuses every login: that is no word about our secret."""
    client = AmiClient("127.0.0.1", 1, "autodialer", "secret")
    states: list[AmiState] = []
    client.on_state = states.append
    client.logged_in(False)
    client.lost()
    client.failed(ConnectionRefusedError(111, "Connect call failed"))
    assert states == [AmiState.REFUSED, AmiState.AWAY]
