"""The log of a running daemon, as [log] of its settings wants it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.api.asking import TASKS, ask, bearer, from_afar
from tests.api.conftest import running_dialer
from tests.rig.forked import Forked

FILTER = Path(__file__).resolve().parents[2] / "systemd/fail2ban/filter.d/autodialer.conf"


async def test_every_line_is_json_and_fail2ban_reads_it() -> None:
    settings: dict[str, dict[str, Any]] = {"log": {"format": "json"}, "http": {"trusted_proxies": ["127.0.0.1"]}}
    async with running_dialer(settings) as dialer:
        task = await dialer.data("POST", "/task", {"innerNum": "201", "numbers": ["79520000100"]})
        await dialer.call("DELETE", f"/task/{task['id']}")
        for _ in range(3):
            assert (await ask(dialer, "GET", TASKS, headers=bearer("ad_wrong"))).status == 401
        await dialer.stop()
        lines = [json.loads(line) for line in dialer.log_file.read_text().splitlines()]
        program = ["fail2ban-regex", "--print-all-matched", "-o", "ip", str(dialer.log_file), str(FILTER)]
        banned = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    assert banned == ["192.0.2.7"] * 3
    assert all(list(line)[:4] == ["time", "level", "logger", "message"] for line in lines)
    about_it = [line for line in lines if line.get("task_id") == int(task["id"])]
    by_desk = [line for line in about_it if line["logger"] != "dialer.audit"]
    assert [line["message"].partition(": ")[2][:6] for line in by_desk] == ["stored", "delete"]
    audited = [line for line in about_it if line["logger"] == "dialer.audit"]
    assert [line["action"] for line in audited] == ["task.create", "task.delete"]
    who = {"who": "local", "address": "127.0.0.1", "target": task["id"]}
    assert all(line["message"] == line["action"] and who.items() <= line.items() for line in audited)


async def test_a_level_of_the_settings_holds() -> None:
    async with running_dialer({"log": {"level": "ERROR"}}) as dialer:
        await ask(dialer, "GET", TASKS, headers=from_afar())
        await dialer.stop()
        assert dialer.log_file.read_text() == ""


async def serve(folder: Path, log: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a daemon that cannot start: its folder of sounds is a file."""
    (folder / "file").touch()
    config, output = folder / "dialer.toml", folder / "output"
    output.unlink(missing_ok=True)
    config.write_text(
        f'[ami]\nsecret = "x"\n[store]\nurl = "sqlite:///{folder}/dialer.db"\n[audio]\ndir = "{folder}/file/audio"\n'
        f"[log]\n{log}\n"
    )
    exit_code = await Forked(["serve", "--config", str(config), *arguments], output).wait()
    return exit_code, output.read_text()


async def test_why_a_daemon_does_not_start_is_a_line_too(tmp_path: Path) -> None:
    exit_code, output = await serve(tmp_path, 'format = "json"')
    last = json.loads(output.splitlines()[-1])
    assert (exit_code, last["level"]) == (1, "CRITICAL")
    assert last["message"].startswith("Error: [audio] dir:")
    exit_code, output = await serve(tmp_path, "", "--log-level", "WARNING")
    assert exit_code == 1
    assert output.startswith("Error: [audio] dir:")


async def test_wrong_settings_of_the_log_are_named(tmp_path: Path) -> None:
    wrong = 'format = "xml"\nlevel = "LOUD"\nshow_numbers = "perhaps"\ncolour = true'
    exit_code, output = await serve(tmp_path, wrong)
    assert exit_code == 78
    for key in ("log.format", "log.level", "log.show_numbers", "log.colour: no such setting"):
        assert f"{tmp_path}/dialer.toml: {key}" in output
