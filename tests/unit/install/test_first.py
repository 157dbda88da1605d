"""`dialer install` on folders of every kind. Calls through one: tests/calls/test_install.py."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dialer.commands import install
from dialer.install import doing
from dialer.install.changes import Plan
from dialer.install.look import LookError, PbxKind, look
from dialer.install.manifest import Manifest
from dialer.install.marked import MARK
from dialer.install.plan import Known, Wishes, plan_installation
from dialer.install.settings_file import local_time_zone
from dialer.model.access import cli_token
from dialer.pbx.preflight import MODULES
from tests.calls.installing import snapshot
from tests.unit.install.place import DIALPLAN, FREEPBX, INCLUDE, MIKOPBX_SECTIONS, PLAIN, Place, flat


def test_a_plain_asterisk_gets_lines_at_the_end_of_its_files_and_gets_them_back(place: Place) -> None:
    place.write(PLAIN)
    (place.etc / "extensions.conf").chmod(0o604)
    before = snapshot(place.folder)
    assert place.install().exit_code == 0
    assert place.read("extensions.conf") == DIALPLAN + INCLUDE
    assert (place.etc / "extensions.conf").stat().st_mode & 0o777 == 0o604
    assert (place.etc / "manager_autodialer.conf").stat().st_mode & 0o777 == 0o640
    again = place.install()
    assert (again.exit_code, "nothing to change" in again.output) == (0, True)
    assert place.uninstall().exit_code == 0
    assert snapshot(place.folder) == before


def test_freepbx_gets_them_in_its_custom_files_and_what_it_writes_anew_stays(place: Place) -> None:
    place.write(FREEPBX)
    before = snapshot(place.etc)
    result = place.install()
    assert result.exit_code == 0, result.output
    assert "FreePBX in" in result.output
    for name in ("extensions.conf", "manager.conf", "musiconhold.conf", "extensions_additional.conf"):
        assert place.read(name) == FREEPBX[name]
    joined = f'#tryinclude "extensions_autodialer.conf" {MARK.decode()}, the line above had no end\n'
    assert place.read("extensions_custom.conf") == FREEPBX["extensions_custom.conf"] + "\n" + joined
    assert '#tryinclude "manager_autodialer.conf"' in place.read("manager_custom.conf")
    assert '#tryinclude "musiconhold_autodialer.conf"' in place.read("musiconhold_custom.conf")
    assert place.settings()["asterisk"]["outgoing_context"] == "from-internal"
    assert place.settings()["asterisk"]["internal_context"] == "from-internal"
    assert place.settings()["ami"]["port"] == 5039
    assert place.uninstall().exit_code == 0
    assert snapshot(place.etc) == before


def test_mikopbx_is_told_from_its_files_and_says_what_its_next_start_forgets(place: Place) -> None:
    place.write(PLAIN | {"extensions.conf": f"#include extensions_custom.conf\n{MIKOPBX_SECTIONS}{DIALPLAN}"})
    result = place.install()
    assert "MikoPBX in" in result.output
    assert "System file customization" in result.output
    assert INCLUDE in place.read("extensions_custom.conf")


@pytest.mark.parametrize(
    "comment",
    [
        "; taken over from FreePBX\n; [from-internal-additional]\n",
        ";-- was FreePBX:\n#include extensions_override_freepbx.conf\n--;\n",
        "; written by hand, unlike MikoPBX\n;[all_peers]\n;[internal-num-undefined]\n",
        "[all_peers]\nexten => 1,1,NoOp() ; a name that anybody may give\n",
    ],
)
def test_a_comment_makes_no_freepbx_and_no_mikopbx(place: Place, comment: str) -> None:
    place.write(PLAIN | {"extensions.conf": comment + DIALPLAN})
    assert look(place.etc).kind is PbxKind.PLAIN
    assert f"Asterisk in {place.etc}, " in flat(place.install("--dry-run"))


def test_freepbx_is_told_by_either_of_its_signs(place: Place) -> None:
    for sign in ("#include extensions_override_freepbx.conf\n", "[from-internal-additional]\n"):
        place.write(PLAIN | {"extensions.conf": sign + DIALPLAN})
        assert look(place.etc).kind is PbxKind.FREEPBX, sign


def test_where_everything_in_manager_d_is_included_the_user_is_a_file_there(place: Place) -> None:
    place.write(PLAIN | {"manager.conf": '[general]\nenabled = yes\n#include "manager.d/*.conf"\n'})
    (place.etc / "manager.d").mkdir()
    before = snapshot(place.etc)
    place.install()
    secret = place.settings()["ami"]["secret"]
    assert f"[autodialer]\nsecret = {secret}\n" in place.read("manager.d/autodialer.conf")
    assert "autodialer" not in place.read("manager.conf")
    place.uninstall()
    assert snapshot(place.etc) == before


def test_settings_and_ami_user_share_a_secret_that_is_not_shown(place: Place) -> None:
    place.write(PLAIN)
    result = place.install()
    settings = place.settings()
    secret = str(settings["ami"]["secret"])
    token = cli_token(secret)
    assert len(secret) == 48
    assert token in place.read("extconfig_autodialer.conf")
    assert f"secret = {secret}\n" in place.read("manager_autodialer.conf")
    for one in (secret, token, settings["webhooks"]["secret"], settings["auth"]["password_hash"]):
        assert str(one) not in result.output
    assert place.config.stat().st_mode & 0o777 == 0o640
    password = re.search(r"admin, password (\S+) \(shown this once", flat(result))
    assert password is not None
    assert str(settings["auth"]["password_hash"]).startswith("$argon2id$")


def test_two_machines_have_different_secrets(tmp_path: Path) -> None:
    secrets = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        one = Place(tmp_path / name)
        one.write(PLAIN)
        one.install()
        secrets |= {str(one.settings()["ami"]["secret"]), str(one.settings()["webhooks"]["secret"])}
    assert len(secrets) == 4


def test_settings_that_are_there_are_never_written_and_give_their_secret(place: Place) -> None:
    place.write(PLAIN)
    place.config.parent.mkdir()
    audio = place.folder / "sounds"
    place.config.write_text(f'# mine\n[ami]\nsecret = "my-own"\nusername = "robot"\n[audio]\ndir = "{audio}"\n')
    before = place.config.read_bytes()
    place.install()
    assert place.config.read_bytes() == before
    assert "[robot]\nsecret = my-own\n" in place.read("manager_autodialer.conf")
    assert f"entry={audio}/melodies/1\n" in place.read("musiconhold_autodialer.conf")
    place.uninstall()
    assert place.config.read_bytes() == before


def test_wrong_settings_end_it_before_anything_is_changed(place: Place) -> None:
    place.write(PLAIN)
    place.config.parent.mkdir()
    place.config.write_text("[http]\nprot = 1\n")
    before = snapshot(place.folder)
    result = place.install()
    assert (result.exit_code, "http.prot: no such setting" in result.output) == (78, True)
    assert snapshot(place.folder) == before


def test_an_ami_that_is_off_is_switched_on_for_this_machine_only(place: Place) -> None:
    place.write(PLAIN | {"manager.conf": "[general]\nenabled = no\nbindaddr = 192.0.2.7\n"})
    before = snapshot(place.etc)
    place.install()
    lines = [line.partition(" ; added")[0] for line in place.read("manager.conf").splitlines()]
    assert lines[3:] == [
        "[general](+)", "enabled = yes", "bindaddr = 127.0.0.1",
        '#tryinclude "manager_autodialer.conf"',
    ]  # fmt: skip
    assert place.settings()["ami"]["host"] == "127.0.0.1"
    assert "nothing to change" in place.install().output
    place.uninstall()
    assert snapshot(place.etc) == before


def test_an_ami_on_one_address_is_asked_there_and_permits_it(place: Place) -> None:
    place.write(PLAIN | {"manager.conf": "[general]\nenabled = yes\nbindaddr = 192.0.2.7\n"})
    place.install()
    assert place.settings()["ami"]["host"] == "192.0.2.7"
    assert "permit = 192.0.2.7\n" in place.read("manager_autodialer.conf")


def test_files_that_asterisk_lacks_are_made_with_their_sections_and_go_again(place: Place) -> None:
    place.write({name: text for name, text in PLAIN.items() if name != "manager.conf"})
    before = snapshot(place.etc)
    place.install()
    assert place.read("manager.conf").startswith("[general] ; added")
    assert "enabled = yes" in place.read("manager.conf")
    place.uninstall()
    assert snapshot(place.etc) == before


def test_modules_that_are_not_loaded_are_named_or_added(place: Place) -> None:
    loads = "".join(f"load = {module}.so\n" for module in MODULES if module != "func_hangupcause")
    place.write(PLAIN | {"modules.conf": f"[modules]\nautoload = no\n{loads}"})
    before = snapshot(place.etc)
    result = place.install()
    assert "modules.conf does not load: pbx_config res_speech format_wav" in flat(result)
    assert "func_hangupcause: add them, or run with --add-modules" in flat(result)
    assert place.install("--add-modules").exit_code == 0
    text = place.read("modules.conf")
    assert "[modules](+) ; added" in text and "load = func_hangupcause.so ; added" in text
    assert "nothing to change" in place.install("--add-modules").output
    place.uninstall()
    assert snapshot(place.etc) == before


def test_a_dry_run_changes_nothing_and_shows_every_line(place: Place) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    result = place.install("--dry-run", yes=False)
    assert result.exit_code == 0
    assert snapshot(place.folder) == before
    assert f"+++ {place.etc}/extensions.conf" in result.output
    assert "+" + INCLUDE.strip() in result.output
    assert "dry run: nothing was changed" in result.output
    assert f"write {place.etc}/extensions_autodialer.conf (" in flat(result), "a new file is one line"
    assert re.search(rf"write {place.etc}/manager_autodialer.conf \(\d+ lines, 0640, root:root\)", flat(result))
    assert result.output.count("\n") < 60
    whole = place.install("--dry-run", "--verbose", yes=False)
    assert f"+++ {place.etc}/extensions_autodialer.conf" in whole.output
    assert "+exten => " in whole.output


@pytest.mark.parametrize("odd", ["[/etc/foo] [red]", ":cat: [/]"])
def test_what_others_say_is_shown_as_it_is(
    place: Place, tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets and colons are a language of the library that prints."""
    place.folder = tmp_path / odd.replace("/", "|")
    place.folder.mkdir()
    place.config = place.folder / "dialer.toml"
    place.write(PLAIN | {"manager.conf": f"; {odd}\n"})
    monkeypatch.setattr(doing, "ask_asterisk", lambda socket, command: f"{odd} said")
    monkeypatch.setattr(install, "do", told_by_do := TellingOdd(doing.do, odd))
    installed = place.install("--verbose")
    assert installed.exit_code == 0, installed.output
    said = flat(installed)
    assert f"asterisk: dialplan reload: {odd} said" in said
    assert f"usermod: failed: {odd}" in said and told_by_do.told
    assert f"write {place.folder}/installed.json" in said
    assert f"dialer doctor --config {place.config}" in said
    (place.etc / "musiconhold.conf").write_text(f"; {odd}\n")
    assert f"{place.folder}" in flat(place.uninstall("--dry-run"))
    assert place.uninstall("--purge").exit_code == 0
    place.config.parent.mkdir(exist_ok=True)
    place.config.touch()
    gone = flat(place.uninstall())
    assert f"nothing to take back: {place.folder}/installed.json is not there" in gone
    assert f"{place.config}: stays: no installation" in gone


class TellingOdd:
    """As if a command had failed with these words."""

    def __init__(self, do: Callable[..., None], said: str) -> None:
        self._do, self._said, self.told = do, said, False

    def __call__(
        self, plan: Plan, socket: Path, tell: Callable[[str], None], make_sure_idle: Callable[[], None]
    ) -> None:
        tell(f"usermod: failed: {self._said}")
        self.told = True
        self._do(plan, socket, tell, make_sure_idle)


@pytest.mark.parametrize("more", [(), ("--verbose",)])
def test_secrets_of_the_files_before_are_not_shown(place: Place, more: tuple[str, ...]) -> None:
    place.write(
        PLAIN
        | {
            "manager_autodialer.conf": "[autodialer]\nsecret = of-old ; a word\nsecret=>of older\nread = all\n",
            "extconfig_autodialer.conf": "autodialer => curl,http://127.0.0.1:4574/token-of-old,x\n",
        }
    )
    (place.etc / "manager.conf").write_text("[general]\nenabled = yes\n[admin]\nsecret = of-old, too\n")
    shown = place.install("--dry-run", *more, yes=False)
    assert "-read = all" in shown.output
    assert "\n secret = ********\n" in shown.output, "of others, beside what is changed"
    assert not [one for one in ("of-old", "of older") if one in shown.output]
    place.install()
    secret = str(place.settings()["ami"]["secret"])
    token = cli_token(secret)
    place.config.write_text(place.config.read_text().replace(secret, "another"))
    shown = place.install("--dry-run", *more, yes=False)
    assert "-secret = ********" in shown.output
    assert not [
        one
        for one in (secret, token, "another", cli_token("another"))
        if f"= {one}" in shown.output or f"/{one}" in shown.output
    ]
    removed = place.uninstall("--dry-run", *more)
    assert not [one for one in (secret, token) if one in removed.output]


def test_without_a_yes_and_nobody_to_ask_nothing_is_done(place: Place) -> None:
    place.write(PLAIN)
    before = snapshot(place.folder)
    assert place.install(yes=False).exit_code == 1
    assert snapshot(place.folder) == before


def test_an_include_by_hand_is_left_alone(place: Place) -> None:
    place.write(PLAIN | {"extensions.conf": f'{DIALPLAN}#include "mine/extensions_autodialer.conf"\n'})
    (place.etc / "mine").mkdir()
    (place.etc / "mine" / "extensions_autodialer.conf").write_text("[autodialer-version]\nexten => 4,1,NoOp()\n")
    before = place.read("extensions.conf")
    result = place.install()
    assert "[autodialer-version] is there already, by hand" in flat(result)
    assert place.read("extensions.conf") == before


def test_a_link_stays_a_link(place: Place) -> None:
    place.write(PLAIN)
    real = place.folder / "real.conf"
    (place.etc / "extensions.conf").rename(real)
    (place.etc / "extensions.conf").symlink_to(real)
    place.install()
    assert (place.etc / "extensions.conf").is_symlink()
    assert real.read_text() == DIALPLAN + INCLUDE
    place.uninstall()
    assert (place.etc / "extensions.conf").is_symlink()
    assert real.read_text() == DIALPLAN


def test_the_spool_is_opened_for_its_group_and_closed_again(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    assert place.spool.stat().st_mode & 0o7777 == 0o775
    assert (place.spool.parent / "tmp").is_dir()
    place.uninstall()
    assert place.spool.stat().st_mode & 0o7777 == 0o755
    assert not (place.spool.parent / "tmp").exists()


def test_contexts_that_are_not_there_are_named(place: Place) -> None:
    place.write(PLAIN | {"extensions.conf": "[trunks]\nexten => _X.,1,NoOp()\n"})
    assert "no context [outgoing] (there are: trunks)" in flat(place.install("--dry-run"))
    assert "no context [trunks]" not in flat(place.install("--dry-run", "--outgoing-context", "trunks"))
    place.install()
    assert "no context [outgoing] (there are: trunks)" in flat(place.install()), "ours are none of theirs"


def test_no_asterisk_is_told(place: Place) -> None:
    result = place.install()
    assert (result.exit_code, "no Asterisk configuration there" in result.output) == (1, True)
    with pytest.raises(LookError):
        look(place.etc)


def test_a_second_asterisk_is_refused(place: Place, tmp_path: Path) -> None:
    place.write(PLAIN)
    place.install()
    other = tmp_path / "other"
    shutil.copytree(place.etc, other)
    place.etc = other
    result = place.install()
    assert (result.exit_code, "already installed beside" in result.output) == (1, True)


def test_a_user_that_is_missing_is_made_and_joins_asterisk_s_group(place: Place) -> None:
    place.write(PLAIN)
    wishes = Wishes(place.config, place.folder / "data", "autodialer-test", True, None, False, Path("/usr/bin/dialer"))
    data = place.folder / "data"
    known = Known(
        "autodialer",
        "secret",
        data / "audio",
        data / "audio" / "recordings",
        data,
        ("", ""),
        "127.0.0.1:4574",
        "[ami]\n",
    )
    plan, manifest = plan_installation(look(place.etc), wishes, known, None)
    first, second = plan.commands_before
    assert first.argv[:3] == ("useradd", "--system", "--user-group") and first.argv[-1] == "autodialer-test"
    assert second.argv == ("usermod", "-aG", look(place.etc).group, "autodialer-test")
    assert (manifest.user_made, manifest.groups_joined) == (True, [look(place.etc).group])
    (settings,) = [file for file in plan.files if file.path == place.config]
    assert (settings.owner, settings.group, settings.mode) == (0, "autodialer-test", 0o640)
    assert {folder.owner for folder in plan.folders if data in (folder.path, *folder.path.parents)} == {
        "autodialer-test"
    }
    assert isinstance(manifest, Manifest)


def test_owners_of_files_that_are_there_are_kept(place: Place) -> None:
    place.write(PLAIN)
    for name in PLAIN:
        os.chown(place.etc / name, 12345, 54321)
    place.install()
    for name in ("extensions.conf", "extensions_autodialer.conf", "manager_autodialer.conf"):
        seen = (place.etc / name).stat()
        assert seen.st_uid == 12345, name
    assert (place.etc / "extensions.conf").stat().st_gid == 54321


def test_without_a_user_of_its_own_the_daemon_runs_as_asterisk_s(place: Place, tmp_path: Path) -> None:
    place.write(PLAIN | {"asterisk.conf": PLAIN["asterisk.conf"] + "[options]\nrunuser = daemon\nrungroup = adm\n"})
    units = tmp_path / "units"
    assert place.upgrade("--no-user", "--systemd-dir", str(units), "--asterisk-etc", str(place.etc),
                         "--data-dir", str(tmp_path / "data")).exit_code == 0  # fmt: skip
    text = (units / "autodialer.service").read_text()
    assert "\nUser=daemon\nGroup=adm\nSupplementaryGroups=adm\n" in text
    assert place.config.owner() == "daemon"


@pytest.mark.parametrize(
    ("link", "named", "zone"),
    [
        ("/usr/share/zoneinfo/Etc/UTC", "Etc/UTC\n", "Etc/UTC"),
        ("/usr/share/zoneinfo/Asia/Vladivostok", None, "Asia/Vladivostok"),
        ("/usr/share/zoneinfo/America/Argentina/Ushuaia", None, "America/Argentina/Ushuaia"),
        ("/usr/share/zoneinfo/Europe/Samara", "Europe/Saratov\n", "Europe/Samara"),
        ("a copy", "Asia/Omsk\n", "Asia/Omsk"),
        ("a copy", "nowhere\n", "Europe/Moscow"),
        ("a copy", None, "Europe/Moscow"),
        (None, None, "Etc/UTC"),
    ],
)
def test_the_zone_is_the_machine_s(tmp_path: Path, link: str | None, named: str | None, zone: str) -> None:
    localtime = tmp_path / "localtime"
    if link == "a copy":
        localtime.write_bytes(b"TZif2")
    elif link is not None:
        localtime.symlink_to(link)
    if named is not None:
        (tmp_path / "timezone").write_text(named)
    assert local_time_zone(tmp_path) == zone


def test_a_zone_that_is_told_is_taken_and_that_of_settings_stays(place: Place) -> None:
    place.write(PLAIN)
    refused = place.install("--timezone", "Moscow")
    assert (refused.exit_code, "such as Europe/Moscow expected" in flat(refused)) == (2, True)
    assert place.install().exit_code == 0
    assert place.settings()["dialing"]["timezone"] == local_time_zone()
    place.uninstall()
    assert place.install("--timezone", "Asia/Omsk").exit_code == 0
    assert place.settings()["dialing"]["timezone"] == "Asia/Omsk"
    place.config.unlink()
    assert place.upgrade().exit_code == 0
    assert place.settings()["dialing"]["timezone"] == "Asia/Omsk", "as asked for before"
    assert place.install("--timezone", "Asia/Tomsk").exit_code == 0
    assert place.settings()["dialing"]["timezone"] == "Asia/Omsk", "the settings are the administrator's"


def test_the_settings_name_the_page_that_explains_them(place: Place) -> None:
    place.write(PLAIN)
    place.install()
    page = Path(place.config.read_text().splitlines()[1].removeprefix("# "))
    assert page.is_file() and page.parts[-4:] == ("docs", "pages", "en", "settings.md")


def test_the_unit_names_the_manual_page_only_where_there_is_one(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(PLAIN)
    units, manual = tmp_path / "units", tmp_path / "dialer.1.gz"
    monkeypatch.setattr("dialer.install.unit._MANUALS", (str(manual),))
    for there in (False, True):
        if there:
            manual.touch()
        command = ("--no-user", "--systemd-dir", str(units), "--asterisk-etc", str(place.etc), "--data-dir")
        assert place.upgrade(*command, str(tmp_path / "data")).exit_code == 0
        assert ("Documentation=man:dialer(1)" in (units / "autodialer.service").read_text()) is there
