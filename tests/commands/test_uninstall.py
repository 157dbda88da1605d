"""`dialer uninstall` under a daemon that runs: one that was started by hand, which no systemd knows."""

from pathlib import Path

import pytest

from dialer.commands import exits
from tests.api.conftest import AbsentPbx
from tests.calls.installing import snapshot
from tests.commands.running import environment, program
from tests.rig.daemon import Dialer
from tests.rig.ports import PortBlock


@pytest.mark.parametrize("more", [["--purge"], []])
async def test_nothing_is_taken_away_under_a_daemon_that_was_started_by_hand(tmp_path: Path, more: list[str]) -> None:
    etc, data, spool = tmp_path / "asterisk", tmp_path / "data", tmp_path / "spool" / "outgoing"
    etc.mkdir()
    spool.mkdir(parents=True)
    (etc / "extensions.conf").write_text("[outgoing]\n[internal]\n")
    (etc / "asterisk.conf").write_text(f"[directories]\nastspooldir => {spool.parent}\nastrundir => {tmp_path}\n")
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    daemon = Dialer(tmp_path / "dialer", AbsentPbx(ports.port(1), spool))
    daemon.writes_settings = False
    http_port, agi_port = daemon.ports
    config = ("--config", str(daemon.config_file))
    places = ("--asterisk-etc", str(etc), "--data-dir", str(data), "--no-user", "--no-systemd")
    numbers = ("--http-port", str(http_port), "--agi-port", str(agi_port), "--cli-port", str(ports.port(1)))
    installed = program("install", "--yes", *places, *numbers, *config, env=environment())
    assert installed.returncode == 0, installed.stderr
    try:
        await daemon.start()
        before = snapshot(etc)
        for answer in (["--yes"], []):  # nobody is asked what would be refused
            refused = program("uninstall", *more, *answer, *config, env=environment())
            assert refused.returncode == exits.NOT_NOW, refused.stderr
            said = " ".join(refused.stderr.split())
            assert f"{data}/dialer.db: a daemon is using it: stop it first" in said
            assert (refused.stdout, "Traceback" in said) == ("", False)
        assert snapshot(etc) == before
        assert daemon.config_file.exists() and (data / "dialer.db").exists()
        assert (await daemon.health())["status"] == "degraded", "its Asterisk is away; it can store"
        assert (await daemon.data("POST", "/task", {"innerNum": "201", "numbers": ["79520000001"], "state": 2}))["id"]
        assert await daemon.stop() == 0
    finally:
        await daemon.close()
        ports.release()
    gone = program("uninstall", "--yes", *more, *config, env=environment())
    assert gone.returncode == 0, gone.stderr
    assert (data / "dialer.db").exists() is not bool(more)
    assert (etc / "extensions.conf").read_text() == "[outgoing]\n[internal]\n"
