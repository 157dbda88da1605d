"""What `dialer doctor` makes of what it sees where that needs no Asterisk. The rest: tests/calls/test_doctor.py."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from dialer.config import Ami, Dialing, Http, Settings, StoreSettings
from dialer.doctor.findings import Finding, State, exit_code, fail, ok, warn
from dialer.doctor.machine import check_certificate, check_clock_is_set, daemon_runs
from dialer.doctor.probe import ProbeResult, _Listener, _listening, judge

PROBE_ID = 123456789
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def settings(**sections: object) -> Settings:
    return Settings(ami=Ami(secret=SecretStr("x")), **sections)  # type: ignore[arg-type]


def judged(result: ProbeResult, of: Settings | None = None) -> dict[str, Finding]:
    return {one.check: one for one in judge(result, of or settings(), daemon_runs=True, now=NOW)}


def a_call(clock_s: float = 0.0, zone: str = "+0300") -> ProbeResult:
    return ProbeResult(reached=True, agi_status="SUCCESS", clock_s=clock_s, zone=zone, came=True, heard_event=True)


@pytest.mark.parametrize(
    ("clock_s", "state"), [(0.0, "ok"), (1.9, "ok"), (-1.9, "ok"), (2.1, "fail"), (-3600.0, "fail")]
)
def test_clocks_that_differ_by_more_than_two_seconds_are_a_failure(clock_s: float, state: str) -> None:
    found = judged(a_call(clock_s))["clock"]
    assert found.state == state
    assert state == "ok" or f"{clock_s:+.0f} s" in found.says


def test_a_time_zone_that_is_not_asterisk_s_is_a_warning() -> None:
    assert judged(a_call(zone="+0300"))["time zone"].state is State.OK
    assert judged(a_call(zone="+0500"))["time zone"].state is State.WARN
    berlin = settings(dialing=Dialing(timezone="Europe/Berlin"))
    assert judged(a_call(zone="+0200"), berlin)["time zone"].state is State.OK, "by its summer time"


def test_what_a_call_did_not_come_to_is_not_said_to_be_well() -> None:
    found = judged(ProbeResult(reached=False, agi_status="FAILURE", heard_event=True))
    assert found["fastagi"].state is State.FAIL
    assert "sounds" not in found or found["sounds"].state is not State.OK or "is made by" in found["sounds"].says


def test_the_exit_code_is_that_of_the_worst() -> None:
    good, bad, worse = ok("a", ""), warn("b", "", "x"), fail("c", "", "x")
    assert (exit_code([good]), exit_code([good, bad]), exit_code([bad, worse, good])) == (0, 1, 3)


@pytest.mark.parametrize(
    ("end", "state", "says"),
    [
        ("+90 days", "ok", "is good for 90 days"),
        ("+10 days", "warn", "expires in"),
        ("-1 days", "fail", "certificate has expired"),
    ],
)
def test_a_certificate_near_its_end_is_told(tmp_path: Path, end: str, state: str, says: str) -> None:
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    signed = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=dialer"
    subprocess.run([*signed.split(), "-keyout", key, "-out", tmp_path / "csr"], check=True, capture_output=True)
    begin, until = (_openssl_time(when) for when in ("-30 days", end))
    # `x509 -days` knows no past; `ca` does
    (tmp_path / "index.txt").write_text("")
    (tmp_path / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={tmp_path}/index.txt\nrand_serial=yes\nnew_certs_dir={tmp_path}\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
    )
    subprocess.run(
        ["openssl", "ca", "-batch", "-selfsign", "-config", tmp_path / "ca.cnf", "-keyfile", key,
         "-in", tmp_path / "csr", "-out", certificate, "-notext", "-startdate", begin, "-enddate", until],
        check=True, capture_output=True,
    )  # fmt: skip
    (found,) = check_certificate(settings(http=Http(tls_certificate=certificate, tls_key=key)))
    assert (found.state, says in found.says) == (state, True), found


def _openssl_time(shift: str) -> str:
    told = subprocess.run(["date", "-u", "-d", shift, "+%Y%m%d%H%M%SZ"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text("no certificate")
    (found,) = check_certificate(
        settings(http=Http(tls_certificate=tmp_path / "tls.pem", tls_key=tmp_path / "tls.pem"))
    )
    assert found.state is State.FAIL


def test_without_tls_nothing_is_said_of_certificates() -> None:
    assert not list(check_certificate(settings()))


@pytest.mark.parametrize(("told", "state"), [(0, "ok"), (5, "warn")])
def test_a_clock_that_nobody_keeps_is_a_warning(told: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        @staticmethod
        def adjtimex(_buffer: object) -> int:
            return told

    monkeypatch.setattr("ctypes.CDLL", lambda _name: Libc)
    assert check_clock_is_set().state == state


@pytest.mark.parametrize(
    ("script", "extension", "answered"),
    [
        ("doctor", str(PROBE_ID), True),
        ("doctor", "987654321", False),
        ("claim,17,3", "79520000001", False),
        ("key", "17", False),
    ],
)
async def test_in_the_daemon_s_place_only_the_own_probe_is_answered(
    script: str, extension: str, answered: bool, tmp_path: Path
) -> None:
    """A call file that was left in the spool asks for leave to dial: there is none."""
    result = ProbeResult()
    listener = _Listener(PROBE_ID, tmp_path / "sound", tmp_path / "recording", result)
    async with _listening(listener, "127.0.0.1", 0, in_its_place=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        name, *arguments = script.split(",")
        told = [f"agi_network_script: {name}", f"agi_extension: {extension}"]
        told += [f"agi_arg_{number}: {value}" for number, value in enumerate(arguments, 1)]
        writer.write(("\n".join(told) + "\n\n").encode())
        async with asyncio.timeout(5):
            said = await reader.readline()
        assert said == (b'SET VARIABLE AUTODIALER_DAEMON "here"\n' if answered else b"")
        writer.close()
        await writer.wait_closed()
    assert not (result.came or listener.came.is_set())


async def test_who_is_still_connected_after_the_probe_is_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener = _Listener(PROBE_ID, tmp_path / "sound", tmp_path / "recording", ProbeResult())
    async with _listening(listener, "127.0.0.1", 0, in_its_place=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"agi_network_script: doctor\nagi_extension: {PROBE_ID}\n\n".encode())
        async with asyncio.timeout(5):
            assert await reader.readline() == b'SET VARIABLE AUTODIALER_DAEMON "here"\n'
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert caplog.records == []


def test_whether_the_daemon_runs_is_asked_without_making_its_lock(tmp_path: Path) -> None:
    """Root's would lock the daemon's user out for ever."""
    of = settings(store=StoreSettings(url=f"sqlite:///{tmp_path}/dialer.db"))
    assert daemon_runs(of) is False
    assert list(tmp_path.iterdir()) == []
