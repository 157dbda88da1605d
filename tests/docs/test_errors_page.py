"""The pages of errors and results name everything that the code can say, in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.api.description import COMMON
from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome
from dialer.model.situation import Rule
from dialer.pbx import preflight
from dialer.pbx.ami import AmiState
from tests.docs.messages import missing, plain
from tests.docs.pages import DOCS, LANGUAGES, REPO, code, page, rows, sections

API = sorted(REPO.glob("dialer/api/**/*.py"))


def first_cells(language: str, name: str) -> set[str]:
    """What the first column of any table of a page names, without backquotes."""
    return {one for row in rows(page(language, name)) for one in (*row[0].split(", "), *code(row[0]))}


def calls(files: list[Path]) -> Iterator[ast.Call]:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield node


def statuses() -> set[int]:
    """Each HTTP status that is declared, or answered by number."""
    found = set(COMMON)
    for call in calls(API):
        for keyword in call.keywords:
            if keyword.arg == "status" and isinstance(keyword.value, ast.Constant):
                found.add(int(str(keyword.value.value)))
    return found


def refusal_names() -> set[str]:
    """What `data.error` of a refusal can be: `{"error": "TaskNotFound"}` in the code."""
    return {name for file in API for name in re.findall(r'"error": "([A-Z]\w+)"', file.read_text(encoding="utf-8"))}


def exit_codes() -> set[int]:
    """What commands end with."""
    constants = {
        file: (REPO / "dialer" / file).read_text(encoding="utf-8")
        for file in ("commands/exits.py", "doctor/findings.py")
    }
    return {int(one) for text in constants.values() for one in re.findall(r"^[A-Z_]+ = (\d+)$", text, re.M)}


def votbox_codes() -> set[int]:
    text = (REPO / "dialer/api/votbox/errors.py").read_text(encoding="utf-8")
    return {int(one) for one in re.findall(r"^    [A-Z_]+ = (\d+)$", text, re.M)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_and_state_is_explained(language: str) -> None:
    told = first_cells(language, "results")
    assert {one.value for one in Outcome} <= told
    assert {one.value for one in AttemptState} <= told


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_of_why_is_explained_and_no_other(language: str) -> None:
    (table,) = [text for heading, text in sections(page(language, "errors")) if heading in WHY]
    assert [row[0].strip("`") for row in rows(table)] == [rule.value for rule in Rule]


WHY = {"Why nothing is dialled", "Почему не набирает"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_http_status_is_explained(language: str) -> None:
    assert len(statuses()) > 8
    assert {str(one) for one in statuses()} <= first_cells(language, "errors")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_of_a_refusal_is_explained_and_no_other(language: str) -> None:
    (table,) = [text for heading, text in sections(page(language, "errors")) if heading in NAMES]
    assert len(refusal_names()) > 10
    assert {one for row in rows(table) for one in code(row[0])} == refusal_names() | {"TaskRefused"}


NAMES = {"Refusals by name", "Отказы по именам"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_exit_code_is_explained(language: str) -> None:
    assert len(exit_codes()) > 8
    for name in ("errors", "command-line"):
        assert {str(one) for one in exit_codes()} <= first_cells(language, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_the_connection_to_asterisk_is_explained(language: str) -> None:
    assert {state.value for state in AmiState} <= first_cells(language, "errors")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_votbox_is_explained(language: str) -> None:
    assert len(votbox_codes()) > 8
    told = {cell for row in rows(page(language, "votbox")) for cell in row}
    assert {str(one) for one in votbox_codes()} <= told


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_of_the_set_up_is_explained(language: str) -> None:
    known = plain(page(language, "errors"))
    tree = ast.parse(Path(preflight.__file__).read_text(encoding="utf-8"))
    (find_fault,) = [one for one in tree.body if isinstance(one, ast.AsyncFunctionDef) and one.name == "find_fault"]
    faults = [
        next(one.value for one in ast.walk(told.value) if isinstance(one, ast.Constant) and isinstance(one.value, str))
        for told in ast.walk(find_fault)
        if isinstance(told, ast.Return) and isinstance(told.value, ast.Constant | ast.JoinedStr) and told.value
        if not isinstance(told.value, ast.Constant) or told.value.value
    ]
    assert len(faults) > 2
    assert [fault for fault in faults if plain(fault).strip(" [") not in known] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_that_tells_an_error_is_on_the_page(language: str) -> None:
    """`python -m tests.docs.messages LANGUAGE` prints what is to be added."""
    assert missing(language) == {}


def checks_of_doctor() -> set[str]:
    """The short names of what `dialer doctor` looks at."""
    files = [*REPO.glob("dialer/doctor/*.py"), REPO / "dialer/commands/doctor.py"]
    return {
        str(call.args[0].value)
        for call in calls(files)
        if isinstance(call.func, ast.Name) and call.func.id in ("ok", "warn", "fail")
        if isinstance(call.args[0], ast.Constant)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_of_doctor_is_explained(language: str) -> None:
    (table,) = [text for heading, text in sections(page(language, "errors")) if heading == "doctor"]
    assert len(checks_of_doctor()) > 15
    assert checks_of_doctor() <= {one for row in rows(table) for one in code(row[0])}


METRICS = {
    name
    for file in REPO.glob("dialer/metrics/*.py")
    for name in re.findall(r'"autodialer_(\w+)"', file.read_text(encoding="utf-8"))
}
ALERTS = {
    name
    for file in DOCS.glob("monitoring/alerts.yml")
    for name in re.findall(r"alert: (\w+)", file.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_and_alert_is_explained_and_no_other_alert(language: str) -> None:
    told = code(page(language, "monitoring"))
    assert set(told) >= METRICS
    assert {one for one in told if one.startswith("Autodialer")} >= ALERTS
