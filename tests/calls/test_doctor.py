"""`dialer doctor` beside a real Asterisk: all is well after an installation, and whatever somebody breaks is named."""

import asyncio
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner

from dialer.cli import main
from dialer.doctor import probe
from tests.calls.installing import Site, bare_site, run_dialer
from tests.rig.small_disk import SmallDisk
from tests.rig.waiting import wait_until

Found = list[dict[str, str]]


@pytest_asyncio.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    with tempfile.TemporaryDirectory(prefix="dialer-", dir="/tmp") as folder:
        async with bare_site(Path(folder)) as running:
            code, said = await running.install("--yes")
            assert code == 0, said
            await running.dialer.start()
            await running.dialer.wait_dialling()
            yield running


async def ask(*arguments: str) -> tuple[int, Found]:
    """In this process: a new one takes a second to begin."""
    result = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "--json", *arguments])
    assert result.output.startswith("{"), (result.output, result.exception)
    return result.exit_code, json.loads(result.output)["findings"]


async def examine(site: Site, *more: str) -> tuple[int, Found]:
    return await ask("--config", str(site.dialer.config_file), *more)


def named(found: Found, check: str, state: str = "fail") -> str:
    """What the check says; an AssertionError with all findings when it is not in that state."""
    said = [f"{one['says']} -> {one['mend']}" for one in found if (one["check"], one["state"]) == (check, state)]
    assert said, "\n".join(f"{one['state']:5}{one['check']}: {one['says']}" for one in found)
    return " | ".join(said)


@contextmanager
def other_settings(site: Site, **changed: object) -> Iterator[tuple[str, str]]:
    """A copy of the settings with values changed: `section__key=value`."""
    text = site.dialer.config_file.read_text()
    for name, value in changed.items():
        section, key = name.split("__")
        line = f"{key} = {json.dumps(value)}"
        begin = text.index(f"[{section}]") if f"[{section}]" in text else -1
        if begin < 0:
            text += f"\n[{section}]\n{line}\n"
            continue
        end = text.find("\n[", begin + 1) % (len(text) + 1)
        part = text[begin:end]
        known = re.search(rf"^{key} = .*$", part, flags=re.MULTILINE)
        part = part.replace(known[0], line) if known else f"{part.rstrip()}\n{line}\n"
        text = text[:begin] + part + text[end:]
    file = site.dialer.workdir / "other.toml"
    file.write_text(text)
    file.chmod(0o640)
    try:
        yield "--config", str(file)
    finally:
        file.unlink()


async def test_after_an_installation_nothing_is_to_be_mended(site: Site) -> None:
    code, found = await examine(site)
    wrong = [one for one in found if one["state"] != "ok" and one["check"] not in ("ntp", "time zone")]
    assert (wrong, code in (0, 1)) == ([], True)
    checks = {one["check"] for one in found}
    assert checks >= {"settings", "database", "disk", "spool", "audio", "ntp", "daemon", "ffmpeg", "ami", "rights"}
    assert checks >= {"filters", "spool path", "dialplan", "context", "modules", "call", "fastagi", "sounds", "clock"}
    spool = site.pbx.spool_dir
    await wait_until(lambda: not list(spool.iterdir()), "nothing of the probe stays")  # Asterisk's to remove
    assert not list((spool.parent / "tmp").iterdir())
    assert "0 results" in await site.pbx.rx("database show autodialer-doctor")


async def test_for_people_each_line_says_how_to_mend_it(site: Site) -> None:
    with other_settings(site, dialing__timezone="Asia/Vladivostok") as config:
        result = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", *config])
    assert "warn  time zone: Asterisk is at +0000, [dialing] timezone Asia/Vladivostok at +1000" in result.output
    assert "-> [dialing] timezone: that of the PBX" in result.output
    assert re.search(r"\d+ checks: 0 to be mended, \d warnings\n$", result.output)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("changed", "check", "state", "says"),
    [
        ({"http__prot": 1}, "settings", "fail", "http.prot: no such setting"),
        ({"ami__secret": "wrong"}, "ami", "fail", "refuses the login"),
        ({"ami__port": 9}, "ami", "fail", "Connect call failed"),
        ({"asterisk__outgoing_context": "nowhere"}, "context", "fail", "there is no context [nowhere]"),
        ({"http__port": 9}, "rest", "fail", "cannot be asked"),
        ({"asterisk__spool_dir": "/tmp"}, "spool path", "fail", "Asterisk looks for call files in"),
        ({"asterisk__spool_dir": "/nowhere"}, "spool", "fail", "no such folder"),
        ({"audio__dir": "/etc/hostname/audio"}, "audio", "fail", "not writable for the daemon"),
        ({"tts_piper__model": "/nowhere/voice.onnx"}, "speech piper", "warn", "/nowhere/voice.onnx"),
    ],
)
async def test_wrong_settings_are_named(
    site: Site, changed: dict[str, object], check: str, state: str, says: str
) -> None:
    with other_settings(site, **changed) as config:
        if "tts_piper__model" in changed:
            file = Path(config[1])
            file.write_text(file.read_text().replace("[tts_piper]", "[tts.piper]"))
        code, found = await ask(*config, "--no-call")
    assert says in named(found, check, state)
    assert code == (3 if state == "fail" else 1)


async def test_settings_that_everybody_can_read_are_a_warning(site: Site) -> None:
    with other_settings(site) as config:
        Path(config[1]).chmod(0o644)
        assert "0644" in named((await ask(*config, "--no-call"))[1], "settings", "warn")


async def test_what_the_daemon_s_user_may_not_do_is_told_to_root(site: Site) -> None:
    """A process of its own: rights are changed for the whole process."""
    with other_settings(site) as config:
        Path(config[1]).chmod(0o644)
        site.dialer.workdir.parent.chmod(0o755)
        for folder in (site.pbx.spool_dir, site.pbx.spool_dir.parent / "tmp"):
            folder.chmod(0o750)
        _, said = await site.doctor(*config, "--json", "--user", "nobody", "--no-call")
    found = json.loads(said)["findings"]
    assert f"{site.pbx.spool_dir}: not writable for us" in named(found, "spool")
    assert "data" in named(found, "audio")
    assert "data" in named(found, "database")


async def test_a_damaged_or_newer_database_is_named(site: Site, tmp_path: Path) -> None:
    for content, says in ((b"not a database" * 100, "not a database"), (None, "schema")):
        file = tmp_path / "other.db"
        file.unlink(missing_ok=True)
        if content is None:
            with (
                closing(sqlite3.connect(site.pbx.workdir / "data" / "dialer.db")) as good,
                closing(sqlite3.connect(file)) as copy,
            ):
                good.backup(copy)
                copy.execute("PRAGMA user_version = 99")
        else:
            file.write_bytes(content)
        with other_settings(site, store__url=f"sqlite:///{file}") as config:
            assert says in named((await ask(*config, "--no-call"))[1], "database")


async def test_a_full_disk_and_a_tmp_on_another_one_are_named(site: Site) -> None:
    with SmallDisk(site.pbx.spool_dir.parent / "tmp", size_mb=4):
        assert "different file systems" in named((await examine(site, "--no-call"))[1], "spool")
    with SmallDisk(site.pbx.workdir / "small", size_mb=4) as disk:
        disk.fill()
        with other_settings(site, audio__dir=str(disk.folder)) as config:
            assert "0 MB free of 4 MB" in named((await ask(*config, "--no-call"))[1], "disk")
        await disk.free()


RX_FAULTS = [
    # what somebody does in Asterisk, and undoes; which check names it, and how
    (("module unload func_timeout", "module load func_timeout"), ("modules", "func_timeout"), "--no-call"),
    (("module unload app_amd", "module load app_amd"), ("modules", "app_amd"), "--no-call"),
    (("dialplan remove context internal", "dialplan reload"), ("context", "[internal]"), "--no-call"),
    (("dialplan remove context autodialer-version", "dialplan reload"), ("dialplan", "not loaded"), "--no-call"),
    (("dialplan remove context autodialer-doctor", "dialplan reload"), ("call", "did not run"), ""),
]


@pytest.mark.parametrize(("fault", "named_by", "option"), RX_FAULTS)
async def test_what_asterisk_lacks_is_named(
    site: Site, fault: tuple[str, str], named_by: tuple[str, str], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "CALL_TIMEOUT_S", 2.0)
    (breaks, mends), (check, says) = fault, named_by
    await site.pbx.rx(breaks)
    try:
        _, found = await examine(site, *filter(None, [option]))
    finally:
        await site.pbx.rx(mends)
    assert says in named(found, check, "warn" if "amd" in says else "fail")


async def test_a_spool_that_asterisk_does_not_read_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "CALL_TIMEOUT_S", 2.0)
    other = site.pbx.workdir / "other" / "outgoing"
    other.mkdir(parents=True)
    with other_settings(site, asterisk__spool_dir=str(other)) as config:
        _, found = await ask(*config)
    assert "leaves call files" in named(found, "call")
    assert not list(other.iterdir()), "taken back"


AMI_FAULTS = [
    ("read = system,user,call,agent", "read = system,call,agent", "rights", "read = user"),
    ("read = system,user,call,agent", "read = system,call,agent", "filters", "UserEvents do not reach us"),
    ("write = system,reporting", "write = system", "rights", "write = reporting"),
    ("write = system,reporting", "write = reporting", "rights", "write = system"),
    ("eventfilter(action(include),name(ExtensionStatus)) =", "", "filters", "name(ExtensionStatus)"),
]


@contextmanager
def changed_ami_user(site: Site, old: str, new: str) -> Iterator[None]:
    file = site.pbx.etc_dir / "manager_autodialer.conf"
    whole = file.read_text()
    assert old in whole
    file.write_text(whole.replace(old, new))
    try:
        yield
    finally:
        file.write_text(whole)


@pytest.mark.parametrize(("old", "new", "check", "says"), AMI_FAULTS)
async def test_rights_and_filters_that_are_missing_are_named(
    site: Site, old: str, new: str, check: str, says: str
) -> None:
    with changed_ami_user(site, old, new):
        await site.pbx.rx("manager reload")
        option = [] if "UserEvents" in says else ["--no-call"]
        _, found = await examine(site, *option)
    await site.pbx.rx("manager reload")
    assert says in named(found, check)


async def test_an_ami_user_without_filters_is_seen_by_what_comes(site: Site) -> None:
    file = site.pbx.etc_dir / "manager_autodialer.conf"
    with changed_ami_user(site, "eventfilter(action(include),name(UserEvent)) =", ""):
        text = "\n".join(one for one in file.read_text().splitlines() if not one.startswith("eventfilter"))
        file.write_text(f"{text}\n")
        await site.pbx.rx("manager reload")
        _, found = await examine(site)
    await site.pbx.rx("manager reload")
    assert "events come that nobody needs" in named(found, "filters", "warn")
    assert "Newchannel" in named(found, "filters", "warn")


async def test_a_fastagi_that_asterisk_cannot_reach_or_that_is_somebody_else_s_is_named(site: Site) -> None:
    with other_settings(site, agi__port=9) as config:
        assert "Asterisk cannot reach 127.0.0.1:9" in named((await ask(*config))[1], "fastagi")

    async def stranger(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(stranger, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with other_settings(site, agi__port=port) as config:
            assert "somebody else answers" in named((await ask(*config))[1], "fastagi")


async def test_sounds_that_asterisk_does_not_see_are_named(site: Site) -> None:
    with tempfile.TemporaryDirectory(prefix="unseen-", dir="/tmp") as folder:
        (Path(folder) / "recordings").mkdir()
        with other_settings(site, audio__dir=folder) as config:
            _, found = await ask(*config)
        assert "Asterisk cannot play" in named(found, "sounds")
        assert "Asterisk cannot record" in named(found, "recordings")


async def test_without_the_daemon_everything_else_is_told_all_the_same(site: Site) -> None:
    await site.dialer.stop()
    try:
        _, found = await examine(site)
    finally:
        await site.dialer.start()
        await site.dialer.wait_dialling()
    assert "does not run" in named(found, "daemon", "warn")
    assert "in the place of the daemon" in named(found, "fastagi", "ok")
    assert not [one for one in found if one["state"] == "fail"]


async def test_what_the_daemon_says_of_itself_is_told(site: Site) -> None:
    await site.pbx.rx("dialplan remove context autodialer-version")
    try:
        await site.dialer.kill()
        await site.dialer.start()
        await site.dialer.wait_health(lambda told: "dialplan" in (told["trouble"] or ""), "the trouble is told")
        _, found = await examine(site, "--no-call")
    finally:
        await site.pbx.rx("dialplan reload")
    assert "nothing is dialled: Asterisk: the dialplan is not this version's" in named(found, "daemon")


def advised(found: Found, check: str) -> tuple[str, ...]:
    """The arguments of the command that the finding names."""
    said = re.search(r"\bdialer (install [^,;]*--config [^\s,;]+)", named(found, check))
    assert said, named(found, check)
    return tuple(said[1].split())


async def test_the_command_that_is_advised_puts_back_edited_event_filters(site: Site) -> None:
    file = site.pbx.etc_dir / "manager_autodialer.conf"
    whole = file.read_text()
    edited = whole.replace("eventfilter(action(include),name(ExtensionStatus)) =\n", "")
    assert edited != whole
    file.write_text(edited)
    await site.pbx.rx("manager reload")
    _, found = await examine(site, "--no-call")
    code, said = await run_dialer("install", *site.config, "--yes")
    assert (code, "edited by somebody; left as it is" in said) == (4, True), said
    code, said = await run_dialer(*advised(found, "filters"), "--yes")
    assert (code, file.read_text()) == (0, whole), said
    assert file.with_name(f"{file.name}.edited").read_text() == edited
    named((await examine(site, "--no-call"))[1], "filters", "ok")


async def test_the_command_that_is_advised_loads_a_dialplan_that_is_not(site: Site) -> None:
    await site.pbx.rx("dialplan remove context autodialer-version")
    _, found = await examine(site, "--no-call")
    code, said = await run_dialer(*advised(found, "dialplan"), "--yes")
    assert code == 0, said
    named((await examine(site, "--no-call"))[1], "dialplan", "ok")


async def test_the_command_that_is_advised_makes_a_spool_that_is_gone(site: Site) -> None:
    shutil.rmtree(site.pbx.spool_dir)
    _, found = await examine(site, "--no-call")
    assert "which is not there" in named(found, "spool path")
    assert "no such folder" in named(found, "spool")
    commands = {advised(found, check) for check in ("spool", "spool path")}
    assert len(commands) == 1
    code, said = await run_dialer(*commands.pop(), "--yes")
    assert (code, "restart Asterisk" in said) == (0, True), said
    await site.pbx.stop()
    await site.pbx.start()
    await site.dialer.wait_dialling()
    _, found = await examine(site)
    for check in ("spool", "spool path", "call"):
        named(found, check, "ok")
