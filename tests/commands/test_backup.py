"""`dialer backup` amid writes, and `dialer restore` beside a daemon."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from dialer.cli import main
from dialer.commands import backup as commands
from dialer.store.backup import look_at
from tests.commands.running import PROGRAM, done, run
from tests.commands.test_tasks import make
from tests.rig.daemon import Dialer

BACKUPS = 8
NUMBERS = 50


async def test_backups_amid_writes_hold_whole_tasks(own: Dialer, tmp_path: Path) -> None:
    """Each holds all numbers of each of its tasks, and everything that was acknowledged before it was asked for."""
    acknowledged, writing = [], True

    async def write() -> None:
        while writing:
            listed = [f"7952{place:07d}" for place in range(NUMBERS)]
            acknowledged.append(await make(own, *listed))

    writers = [asyncio.create_task(write()) for _ in range(3)]
    for place in range(BACKUPS):
        file, before = tmp_path / f"{place}.db", list(acknowledged)
        await done(own, "backup", str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        facts = look_at(file)
        assert facts.attempts == facts.tasks * NUMBERS
        with closing(sqlite3.connect(file)) as connection:
            assert {str(row[0]) for row in connection.execute("SELECT id FROM task")} >= set(before)
    writing = False
    await asyncio.gather(*writers)
    assert len(list(tmp_path.iterdir())) == BACKUPS
    assert (await own.health())["trouble"].startswith("Asterisk: away")


async def test_a_backup_replaces_nothing_unasked(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    said = await done(own, "backup", str(file))
    assert said.startswith(f"{file}: 0 tasks, 0 attempts, last change -, schema version ")
    ran = await run(own, "backup", str(file))
    assert (ran.code, ran.err) == (1, f"Error: {file} is there already; --force replaces it\n")
    await done(own, "backup", str(file), "--force")
    assert (await run(own, "backup", str(own.database), "--force")).code == 2


async def test_without_a_database_there_is_nothing_to_back_up(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    file.write_text("the one before")
    await own.stop()
    own.database.unlink()
    ran = await run(own, "backup", str(file), "--force")
    assert (ran.code, ran.err) == (78, f"Error: {own.database}: there is no database\n")
    assert file.read_text() == "the one before"


async def test_a_restore_is_refused_while_the_daemon_runs(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    await done(own, "backup", str(file))
    task_id = await make(own)
    ran = await run(own, "restore", str(file), "--yes")
    assert ran.code == 75
    assert "stop the daemon first (systemctl stop autodialer), or say --restart" in ran.err
    assert (await own.call("GET", f"/task/{task_id}"))["result"] is True


async def test_a_file_that_is_no_backup_is_a_matter_of_the_administrator(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    file.write_bytes(b"junk" * 1000)
    ran = await run(own, "restore", str(file), "--yes")
    assert (ran.code, "is damaged or not a database" in ran.err) == (78, True)


async def test_tasks_come_back_paused_and_the_daemon_goes_on_with_them(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    task_id = await make(own, "79520000001", "79520000002", name="Обзвон")
    await done(own, "backup", str(file))
    await own.data("PUT", f"/task/{task_id}", {"name": "Другой", "state": 1})
    await own.stop()
    ran = await run(own, "restore", str(file))
    assert (ran.code, "--yes says yes" in ran.err) == (2, True)
    said = await done(own, "restore", str(file), "--yes")
    assert "the database as it was is kept: " in said
    assert f"paused, go on with dialer tasks resume:\n  {task_id}  Обзвон\n" in said
    await own.start()
    task = await own.data("GET", f"/task/{task_id}")
    assert (task["state"], len(task["results"])) == ("2", 2)
    await done(own, "tasks", "resume", task_id)
    found = json.loads(await done(own, "tasks", "list", "--json"))
    assert [(one["id"], one["state"], one["waiting"]) for one in found] == [(int(task_id), 0, 2)]


async def test_restart_stops_and_starts_the_daemon_around_it(own: Dialer, tmp_path: Path) -> None:
    """`systemctl` is one of our own here, which does as the unit would."""
    file, calls, bin_dir = tmp_path / "backup.db", tmp_path / "calls", tmp_path / "bin"
    task_id = await make(own)
    await done(own, "backup", str(file))
    await own.data("DELETE", f"/task/{task_id}")
    bin_dir.mkdir()
    (bin_dir / "systemctl").write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\n[ "$1" != stop ] || kill -TERM {own.pid}\n', encoding="utf-8"
    )
    (bin_dir / "systemctl").chmod(0o755)
    command = [PROGRAM, "restore", str(file), "--yes", "--restart", "--unit", "x.service"]
    process = await asyncio.create_subprocess_exec(
        *command, "--config", str(own.config_file),
        stdout=subprocess.PIPE, env={**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}"},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert calls.read_text() == "stop -- x.service\nstart -- x.service\n"
    assert "systemctl start x.service" in out.decode().splitlines()
    await own.start()
    assert (await own.data("GET", f"/task/{task_id}"))["state"] == "2"


async def test_a_database_that_stays_in_use_is_a_matter_of_later(
    own: Dialer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit is another one, or its stop did nothing."""
    file = tmp_path / "backup.db"
    await done(own, "backup", str(file))
    monkeypatch.setattr(commands, "STOP_S", 0.2)
    monkeypatch.setattr(commands, "_systemctl", lambda *_arguments: None)
    monkeypatch.setattr(shutil, "which", lambda _name: "systemctl")
    ran = await run(own, "restore", str(file), "--yes", "--restart")
    assert (ran.code, "another dialer is using" in ran.err) == (75, True)


async def test_a_restore_onto_a_fresh_machine_leaves_nothing_of_root_s(own: Dialer, tmp_path: Path) -> None:
    """Lock, database and log belong to whom the folder belongs to, and no link there leads root anywhere."""
    file, elsewhere = tmp_path / "backup.db", tmp_path / "elsewhere"
    task_id = await make(own)
    await done(own, "backup", str(file))
    await own.stop()
    uid = 65534 if os.geteuid() == 0 else os.geteuid()
    with TemporaryDirectory(prefix="fresh-") as name:
        folder = Path(name)
        os.chown(folder, uid, folder.stat().st_gid)
        (folder / ".dialer.db.given").symlink_to(elsewhere)
        settings = tmp_path / "fresh.toml"
        known = own.config_file.read_text(encoding="utf-8")
        settings.write_text(known.replace(str(own.database), f"{folder}/dialer.db"), encoding="utf-8")
        # in this process: that other user may not be allowed to read the modules of a Python that is root's own
        given = ["restore", str(file), "--yes", "--config", str(settings)]
        ran = await asyncio.to_thread(CliRunner().invoke, main, given)
        assert ran.exit_code == 0, ran.output
        assert {path.name for path in folder.iterdir()} == {"dialer.db", "dialer.db.lock"}
        assert {path.stat().st_uid for path in folder.iterdir()} == {uid}
        assert not elsewhere.exists()
    assert "WARNING: there was no database to replace" in ran.stdout
    assert f"paused, go on with dialer tasks resume:\n  {task_id}" in ran.stdout


async def test_keys_that_may_have_been_revoked_are_named(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    await done(own, "apikey", "add", "crm", "--role", "operator")
    await done(own, "backup", str(file))
    await done(own, "apikey", "revoke", "crm")
    await own.stop()
    own.database.write_bytes(b"junk" * 1000)
    said = await done(own, "restore", str(file), "--yes")
    assert "what was revoked or deleted since is valid again, look through:\n  API keys: crm\n" in said


async def test_a_paused_task_of_a_votbox_account_goes_on_by_the_command_that_is_named(
    own: Dialer, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    task_id = await make(own)
    await own.stop()
    with closing(sqlite3.connect(own.database)) as connection, connection:
        connection.execute("UPDATE task SET owner = 'shop'")
    await done(own, "backup", str(file))
    await done(own, "restore", str(file), "--yes")
    await own.start()
    for verb, state in (("resume", 0), ("pause", 2), ("stop", 1)):
        await done(own, "tasks", verb, task_id)
        assert json.loads(await done(own, "tasks", "show", task_id, "--json"))["state"] == state


async def test_a_restore_that_is_killed_leaves_a_database(own: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    task_id = await make(own, *(f"7952{place:07d}" for place in range(500)))
    await done(own, "backup", str(file))
    await own.stop()
    for delay_s in (0.5, 0.6, 0.7, 0.8, 0.9):
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "restore", str(file), "--yes", "--config", str(own.config_file), stdout=subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(delay_s):
                await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        assert look_at(own.database).attempts == 500
    await done(own, "restore", str(file), "--yes")
    await own.start()
    assert len((await own.data("GET", f"/task/{task_id}"))["results"]) == 500
    assert [path.name for path in own.workdir.iterdir() if path.name.startswith(".dialer.db")] == []
