"""Commands speak the language of the locale, all of it."""

import ast
import re
import subprocess
import sys
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from dialer.cli import COMMANDS
from dialer.commands.language import language_of
from tests.commands.running import environment, program
from tests.lint.messages import KEYWORDS, PO, REPO, catalogue, compiled, template
from tests.rig.daemon import Dialer

RUSSIAN = environment(LC_ALL="ru_RU.UTF-8")
ALL_HELP = """
import click
from dialer.cli import COMMANDS, main
from dialer.commands.language import speak, translated
speak()
translated(main)
def show(command, path, parent):
    ctx = click.Context(command, info_name=path, parent=parent)
    print(command.get_help(ctx))
    if command is main:
        for name in COMMANDS:
            show(main.get_command(ctx, name), name, ctx)
    else:
        for name, sub in getattr(command, "commands", {}).items():
            show(sub, name, ctx)
show(main, "dialer", None)
"""
NAMES = frozenset(
    {
        *("dialer", "bash", "zsh", "fish", "systemctl", "systemd", "autodialer", "asterisk", "votbox", "top", "unix"),
        *("csv", "json", "toml", "xlsx", "xls", "wav", "post", "api", "crm", "md5", "webhooks", "standard", "bearer"),
        *("authorization", "polling", "crmid", "notifyurl", "accounts", "auth", "sigterm", "ctrl", "fail", "success"),
        *("service", "etc", "config", "site", "functions", "local", "share", "usr", "completions", "completion"),
        *("tasks", "resume", "import", "name", "ami", "root", "europe", "moscow"),
    }
)
"""What is called so in Russian, too: programs, formats, settings."""


def words_of_names(text: str) -> str:
    """The text without what is typed as it is: options, choices, commands at the beginning of a line, paths."""
    text = re.sub(r"\{[^}]*\}|\w+\.conf|\(\w+=\w+\)|\[[a-z]+\] [a-z_]+", " ", text)
    text = re.sub(r"--?[a-z-]+|\[[^\]]*\]|/[a-z/._]+|[A-Z_]{4,}", " ", text)
    text = re.sub(r"^Использование: .*", " ", text, flags=re.MULTILINE)
    return re.sub(r"^  [a-z-]+  ", " ", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("given", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru"}, "ru"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_MESSAGES": "ru_RU.UTF-8", "LANG": "en_US.UTF-8"}, "ru"),
        ({"LC_ALL": "C", "LANG": "ru_RU.UTF-8"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANGUAGE": "ru"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "ru:en"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "en:ru"}, "en"),
        ({"LC_ALL": "", "LANG": "ru_RU"}, "ru"),
        ({"DIALER_LANG": "ru", "LC_ALL": "C"}, "ru"),
        ({"DIALER_LANG": "en", "LC_ALL": "ru_RU.UTF-8"}, "en"),
    ],
)
def test_the_locale_decides(given: dict[str, str], language: str) -> None:
    assert language_of(given) == language


def test_every_message_has_a_translation_and_no_other_is_kept() -> None:
    stored = catalogue()
    assert [message.id for message in stored if message.id and not all(_forms(message.string))] == []
    assert {message.id for message in stored} == {message.id for message in template()}, "make messages"
    assert not any(message.fuzzy for message in stored if message.id)


def test_no_message_is_looked_up_within_an_f_string() -> None:
    """Babel does not look into them: such a message is in no catalogue, and stays English."""
    sources = [*(REPO / "dialer").rglob("*.py"), *(REPO / "agi").rglob("*.py")]
    found = [
        f"{file.relative_to(REPO)}:{node.lineno}"
        for file in sources
        for text in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS
    ]
    assert found == []


def test_what_is_compiled_is_what_was_translated() -> None:
    with PO.with_suffix(".mo").open("rb") as opened:
        found = read_mo(opened)
    assert _said(found) == _said(catalogue())
    assert PO.with_suffix(".mo").read_bytes() == compiled(catalogue()), "make messages"


def test_a_translation_has_the_places_of_its_message() -> None:
    for message in catalogue():
        if message.id:
            wanted = [_places(one) for one in _forms(message.id)]
            assert all(_places(form) in wanted for form in _forms(message.string)), message.id


def _said(of: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    return {_forms(one.id): _forms(one.string) for one in of if one.id}


def _forms(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (str(text),)


def _places(text: str) -> set[str]:
    if "%(" in text:
        return set(re.findall(r"%\((\w+)\)", text))
    return {f"{name}!{conversion}" for _, name, _, conversion in Formatter().parse(text) if name is not None}


def test_no_help_has_an_english_word_in_russian() -> None:
    done = subprocess.run([sys.executable, "-c", ALL_HELP], capture_output=True, text=True, check=True, env=RUSSIAN)
    assert done.stdout.count("Использование: ") > 40
    words = {word.lower() for word in re.findall(r"[A-Za-z]{3,}", words_of_names(done.stdout))}
    assert words - NAMES - set(COMMANDS) == set()


def test_help_imports_next_to_nothing() -> None:
    code = (
        "import sys; from dialer.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'aiohttp', 'babel', 'pydantic', 'rich', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=RUSSIAN)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nope"], 2, "Ошибка: Нет такой команды: 'nope'.\n"),
        (["tasks", "show"], 2, "Ошибка: Не указан аргумент 'ЗАДАЧА'.\n"),
        (["tasks", "show", "x"], 2, "Ошибка: Неверное значение 'ЗАДАЧА': 'x'"),
        (["tasks", "list", "--config", "/nowhere.toml"], 78, "/nowhere.toml: No such file or directory\n"),
        (["why", "5", "--nope"], 2, "Ошибка: Нет такого параметра: '--nope'."),
    ],
)
def test_errors_are_russian(arguments: list[str], code: int, said: str) -> None:
    done = program(*arguments, env=RUSSIAN)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


async def test_what_is_told_of_tasks_is_russian_and_counts_as_russians_do(shared: Dialer) -> None:
    config = ("--config", str(shared.config_file))
    body = {"innerNum": "201", "numbers": ["79520000001"], "name": "Обзвон", "state": 2}
    task_id = str((await shared.data("POST", "/task", body))["id"])
    assert program("tasks", "list", *config, env=RUSSIAN).stdout.split()[:4] == ["№", "Состояние", "Куда", "Линий"]
    assert "на паузе" in program("tasks", "show", task_id, *config, env=RUSSIAN).stdout
    told = program("why", task_id, *config, env=RUSSIAN).stdout
    assert told.startswith(f"задача {task_id}: сейчас звонки не начинаются [task_paused]: ")
    ended = program("session", "revoke", "--all", *config, env=RUSSIAN)
    assert ended.stdout == "0 сеансов завершено\n"


async def test_a_variable_for_the_language_is_no_slip_of_the_settings(shared: Dialer) -> None:
    config = ("--config", str(shared.config_file))
    assert program("tasks", "list", *config, env=environment(DIALER_LANG="ru")).returncode == 0
    wrong = program("tasks", "list", *config, env=environment(DIALER_LANGUAGE="ru"))
    assert (wrong.returncode, wrong.stderr.startswith("environment DIALER_LANGUAGE: no such setting")) == (78, True)
