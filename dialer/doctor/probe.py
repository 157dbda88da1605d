"""A call that rings nobody: a call file goes to Asterisk's spool, its dialplan asks the daemon's FastAGI, then ours,
and we have it play and record. What this finds is found as a call would find it."""

import asyncio
import contextlib
import secrets
import time
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from gettext import gettext as _
from pathlib import Path
from zoneinfo import ZoneInfo

from agi.connections import Connection, ConnectionTasks
from agi.session import AgiError, AgiSession, HungUpError, UnplayableError, UnstoredError
from dialer.config import Settings
from dialer.dispatch.callfile import Spool, render_probe
from dialer.doctor.asterisk import Ami
from dialer.doctor.findings import Finding, fail, ok, warn
from dialer.doctor.machine import being
from dialer.pbx.ami import AmiRefusedError

CALL_TIMEOUT_S = 10.0
SKEW_S = 2.0
_FAMILY = "autodialer-doctor"


@dataclass(slots=True)
class ProbeResult:
    """What a call has told."""

    spool_problem: str | None = None
    """Why no call file could be written."""
    reached: bool | None = None
    """Whether the daemon's FastAGI answered Asterisk; None: the call did not come so far."""
    agi_status: str = ""
    clock_s: float | None = None
    """How far Asterisk's clock is ahead of ours."""
    zone: str = ""
    came: bool = False
    """Whether the call came to our own FastAGI."""
    played: str | None = None
    """Why Asterisk could not play a sound of ours; None: it could."""
    recorded: str | None = None
    heard_event: bool = False
    left_over: bool = False
    """Whether the call file is still there."""


@dataclass(slots=True)
class _Listener:
    """Our FastAGI: for the call, and in the place of a daemon that does not run. There real calls come, too: what is
    not our probe gets no answer, and with that no leave to dial."""

    probe_id: int
    sound: Path
    recording: Path
    result: ProbeResult
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, connection: Connection) -> None:
        session = AgiSession(connection)
        ours = False
        try:
            await session.read_environment()
            asks = session.argument(1) or session.environment.get("agi_extension", "")
            ours = session.script == "doctor" and asks == str(self.probe_id)
            if not ours:
                return
            if not session.argument(1):
                await session.set_variable("AUTODIALER_DAEMON", "here")
                return
            self.result.came = True
            try:
                await session.play(str(self.sound))
                self.result.played = None
            except UnplayableError as error:
                self.result.played = str(error)
            try:
                await session.record(str(self.recording), 0.3, 0.2)
                self.result.recorded = None
            except UnstoredError as error:
                self.result.recorded = str(error)
        except (HungUpError, AgiError, TimeoutError):
            return
        finally:
            if ours and session.argument(1):
                self.came.set()


async def place_probe(settings: Settings, ami: Ami, user: str | None, *, daemon_runs: bool) -> ProbeResult:
    """Raises what AmiClient.action raises."""
    result = ProbeResult()
    probe_id = secrets.randbelow(900_000_000) + 100_000_000
    host = settings.agi.host.strip("[]")
    audio, recordings = settings.audio.dir, settings.audio.recordings
    sound, recording = audio / f"doctor-{probe_id}", recordings / f"doctor-{probe_id}"
    listener = _Listener(probe_id, sound, recording, result)
    async with _listening(listener, host, settings.agi.port, in_its_place=not daemon_runs) as port:
        spool = Spool(settings.asterisk.spool_dir)
        with _aside(sound.with_suffix(".wav"), recording.with_suffix(".wav"), user):
            text = render_probe(probe_id, f"{settings.agi.host}:{settings.agi.port}", f"{settings.agi.host}:{port}")
            try:
                with being(user):
                    spool.put(probe_id, text, probe=True)
            except OSError as error:
                result.spool_problem = str(error)
                return result
            asked_s = time.time()
            record = await _wait_for_record(ami, probe_id)
            if record is not None:
                _understand(record, result, asked_s)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CALL_TIMEOUT_S / 2):
                        await listener.came.wait()
            result.heard_event = any(
                one.get("UserEvent") == "DialerDoctor" and one.get("Probe") == str(probe_id) for one in ami.heard
            )
            if record is None:
                call_file = spool.probe_file(probe_id)
                result.left_over = call_file.exists()
                with contextlib.suppress(OSError):
                    call_file.unlink(missing_ok=True)
    return result


def judge(result: ProbeResult, settings: Settings, *, daemon_runs: bool, now: datetime) -> Iterator[Finding]:
    """What the call means."""
    agi = f"{settings.agi.host}:{settings.agi.port}"
    outgoing = settings.asterisk.spool_dir
    if result.spool_problem is not None:
        yield fail(
            "call",
            _("no call file can be written: {problem}").format(problem=result.spool_problem),
            _("see spool"),
        )
        return
    if result.reached is None:
        if result.left_over:
            yield fail(
                "call",
                _("Asterisk leaves call files in {outgoing} alone").format(outgoing=outgoing),
                _(
                    "'module load pbx_spool.so'; where the folder is newer than Asterisk's start: restart it; may "
                    "Asterisk's user read and remove files there?"
                ),
            )
        else:
            yield fail(
                "call",
                _("Asterisk took the call file, but [autodialer-doctor] did not run"),
                _("dialer install --repair, which tells Asterisk, too"),
            )
        return
    yield ok("call", _("Asterisk takes our call files and runs our dialplan"))
    if result.reached:
        yield ok(
            "fastagi",
            (
                _("Asterisk reaches the daemon at {agi}")
                if daemon_runs
                else _("Asterisk reaches us in the place of the daemon at {agi}")
            ).format(agi=agi),
        )
    elif result.agi_status == "FAILURE":
        yield fail(
            "fastagi",
            _("Asterisk cannot reach {agi}: nothing is dialled").format(agi=agi),
            _("[agi] host, port: an address of this machine that Asterisk reaches; a firewall between?"),
        )
    else:
        yield fail(
            "fastagi", _("somebody else answers at {agi}").format(agi=agi), _("[agi] port: another one, that is free")
        )
    if not result.heard_event:
        yield fail(
            "filters",
            _("the dialplan's UserEvents do not reach us"),
            _("read = user, and the event filter of UserEvent: dialer install --repair, which tells Asterisk, too"),
        )
    yield from _judge_sounds(result, settings)
    yield from _judge_clock(result, settings, now)


def _judge_sounds(result: ProbeResult, settings: Settings) -> Iterator[Finding]:
    if not settings.audio.recordings.is_dir():
        yield ok("sounds", _("{folder} is made by the daemon's first start").format(folder=settings.audio.dir))
        return
    if not result.came:
        yield warn("sounds", _("not tried: the call did not come to us"), _("see fastagi; ask again"))
        return
    if result.played is None:
        yield ok("sounds", _("Asterisk reads {folder}").format(folder=settings.audio.dir))
    else:
        yield fail(
            "sounds",
            _("Asterisk cannot play what is in {folder}: {problem}").format(
                folder=settings.audio.dir, problem=result.played
            ),
            _("the same path for both; its user needs r and x there and x on all folders above; format_wav"),
        )
    if result.recorded is None:
        yield ok("recordings", _("Asterisk records to {folder}").format(folder=settings.audio.recordings))
    else:
        yield fail(
            "recordings",
            _("Asterisk cannot record to {folder}: {problem}").format(
                folder=settings.audio.recordings, problem=result.recorded
            ),
            _("chgrp it to Asterisk's group, chmod 2770 {folder}").format(folder=settings.audio.recordings),
        )


def _judge_clock(result: ProbeResult, settings: Settings, now: datetime) -> Iterator[Finding]:
    if result.clock_s is not None and abs(result.clock_s) > SKEW_S:
        yield fail(
            "clock",
            _("Asterisk's clock is {seconds:+.0f} s from ours").format(seconds=result.clock_s),
            _("one clock for both: NTP on both"),
        )
    else:
        yield ok("clock", _("Asterisk's clock and ours agree"))
    ours = now.astimezone(ZoneInfo(settings.dialing.timezone)).strftime("%z")
    if result.zone and result.zone != ours:
        yield warn(
            "time zone",
            _("Asterisk is at {zone}, [dialing] timezone {timezone} at {ours}").format(
                zone=result.zone, timezone=settings.dialing.timezone, ours=ours
            ),
            _("[dialing] timezone: that of the PBX; the zone of the machine: timedatectl set-timezone"),
        )
    else:
        yield ok("time zone", _("{timezone}, as Asterisk's").format(timezone=settings.dialing.timezone))


async def _wait_for_record(ami: Ami, probe_id: int) -> str | None:
    """What the dialplan has left; None: nothing in time."""
    place = {"Family": _FAMILY, "Key": str(probe_id)}
    deadline_s = time.monotonic() + CALL_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            answers = await ami.client.action({"Action": "DBGet", **place})
        except AmiRefusedError as error:
            if "ermission" in str(error):
                return None
            await asyncio.sleep(0.1)
            continue
        with contextlib.suppress(AmiRefusedError):
            await ami.client.action({"Action": "DBDel", **place})
        return _value_of(answers)
    return None


def _value_of(answers: list[Mapping[str, str]]) -> str | None:
    return next((str(one.get("Val")) for one in answers if one.get("Val")), None)


def _understand(record: str, result: ProbeResult, asked_s: float) -> None:
    here, status, epoch, zone = (record.split("|") + [""] * 4)[:4]
    result.reached, result.agi_status, result.zone = here == "here", status, zone
    if epoch.isdecimal():
        now_s, then_s = time.time(), int(epoch)
        # anywhere between the two is no skew; Asterisk tells whole seconds
        result.clock_s = then_s - now_s if then_s > now_s else min(0.0, then_s + 1 - asked_s)


@asynccontextmanager
async def _listening(listener: _Listener, host: str, port: int, *, in_its_place: bool) -> AsyncIterator[int]:
    """Yields the port of our own."""
    connections, listen = ConnectionTasks(listener.serve), asyncio.get_running_loop().create_server
    own = await listen(connections.protocol, host, 0)
    servers = [own]
    if in_its_place:
        with contextlib.suppress(OSError):  # somebody else is there: Asterisk will tell
            servers.append(await listen(connections.protocol, host, port))
    try:
        yield int(own.sockets[0].getsockname()[1])
    finally:
        for server in servers:
            server.close()
        await connections.close()


@contextlib.contextmanager
def _aside(sound: Path, recording: Path, user: str | None) -> Iterator[None]:
    """A sound to be played, written as the daemon writes it; what was made is removed."""
    try:
        with being(user), contextlib.suppress(OSError), wave.open(str(sound), "wb") as file:
            file.setparams((1, 2, 8_000, 0, "NONE", ""))
            file.writeframes(b"\0\0" * 800)
        yield
    finally:
        for path in (sound, recording):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
