"""`dialer install`, `uninstall` and `doctor` in a Russian locale: all of it is Russian, and «да» is a yes."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import PROGRAM, environment, program

RUSSIAN = environment(LANG="ru_RU.UTF-8")
NAMES = frozenset(
    {
        *("asterisk", "dialer", "install", "uninstall", "doctor", "root", "systemctl", "enable", "autodialer", "admin"),
        *(
            "dialplan",
            "manager",
            "moh",
            "reload",
            "module",
            "extconfig",
            "outgoing",
            "internal",
            "ami",
            "rest",
            "passwd",
            "apikey",
            "add",
        ),
        *("apt", "get", "systemd", "timesyncd", "chrony", "start", "serve", "journalctl", "espeak", "ng", "rhvoice"),
        *("enabled", "yes", "bindaddr", "host", "port"),
        *("ok", "warn", "fail", "settings", "database", "disk", "spool", "audio", "ntp", "daemon", "speech", "ffmpeg"),
    }
)
"""What is called so in Russian, too: programs, commands, settings, the names of checks."""


class Machine:
    """Its folders, below one of the test's."""

    def __init__(self, folder: Path) -> None:
        self.etc = folder / "asterisk"
        (folder / "spool" / "outgoing").mkdir(parents=True)
        self.etc.mkdir()
        (self.etc / "extensions.conf").write_text("[outgoing]\nexten => _X.,1,NoOp()\n")
        (self.etc / "modules.conf").write_text("[modules]\nautoload = no\n")
        (self.etc / "asterisk.conf").write_text(
            f"[directories]\nastspooldir => {folder}/spool\nastrundir => {folder}\n"
        )
        self.config = ("--config", str(folder / "autodialer" / "dialer.toml"))
        self.data = folder / "data"
        places = ("--asterisk-etc", str(self.etc), "--data-dir", str(self.data), "--systemd-dir", str(folder / "units"))
        self.install = ("install", "--no-user", *places, *self.config)
        self.uninstall = ("uninstall", *self.config)

    def run(self, *arguments: str) -> str:
        return told(program(*arguments, env=RUSSIAN))


def told(done: "subprocess.CompletedProcess[str]") -> str:
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    yield Machine(tmp_path)


def english(text: str) -> set[str]:
    """Words that are no names, beside paths, options, settings, the system's own errors and what a diff shows."""
    lines = [line for line in text.splitlines() if not re.match(r"[-+@ ]", line) or line.startswith("      ->")]
    text = re.sub(r"пароль \S+|\[Errno .*", " ", "\n".join(lines))
    text = re.sub(r"\S*[/_.=\[\]<>]\S*|--[a-z-]+|\S*\d\S*|\b[A-Z_]{3,}\b|\w+:\w+|'[^']*'|`[^`]*`|«[^»]*»", " ", text)
    return {word.lower() for word in re.findall(r"[A-Za-z]{2,}", text)} - NAMES


def test_all_that_is_told_is_russian(machine: Machine) -> None:
    assert english(machine.run("uninstall", *machine.config)) == set()
    assert english(machine.run(*machine.install, "--dry-run")) == set()
    said = machine.run(*machine.install, "--yes")
    assert ("создать" in said, "осталось вам:" in said) == (True, True)
    assert english(said) == set()
    edited = machine.etc / "extensions_autodialer.conf"
    edited.write_text(edited.read_text() + "; mine\n")
    (machine.data / "audio" / "recordings" / "1.wav").touch()
    for command in (machine.install, (*machine.install, "--yes"), ("doctor", "--no-call", *machine.config)):
        assert english(machine.run(*command)) == set()
    for more in (("--dry-run",), ("--yes",), ("--purge", "--yes")):
        assert english(machine.run(*machine.uninstall, *more)) == set()


@pytest.mark.parametrize(
    ("language", "answer", "done"),
    [
        ("ru_RU.UTF-8", "д", True),
        ("ru_RU.UTF-8", "YES", True),
        ("ru_RU.UTF-8", "нет", False),
        ("en_US.UTF-8", "Да", True),
        ("en_US.UTF-8", "y", True),
        ("en_US.UTF-8", "", False),
    ],
)
def test_yes_is_understood_in_either_language(machine: Machine, language: str, answer: str, done: bool) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *machine.install], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(LANG=language),
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        assert process.stdout is not None
        said = process.stdout.read()
    os.close(ours)
    asked = "Сделать это? [д/Н]" if language.startswith("ru") else "Do this? [y/N]"
    assert asked in said
    assert (process.returncode == 0, (machine.etc / "extensions_autodialer.conf").exists()) == (done, done), said
