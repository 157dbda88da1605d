"""The audit's own decisions."""

from importlib.metadata import distributions

from tests.lint.audit import copyleft, read_pinned, runtime_libraries, unpinned, vulnerabilities

REPORT = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]},
        {"name": "unknown", "version": "4", "skip_reason": "not found"},
    ]
}


def test_a_known_vulnerability_is_a_finding() -> None:
    assert vulnerabilities(REPORT) == (["bad 2: PYSEC-1, mended in 3"], True)


def test_a_service_that_knows_nothing_is_told_from_one_that_finds_nothing() -> None:
    assert vulnerabilities({"dependencies": REPORT["dependencies"][2:]}) == ([], False)
    assert vulnerabilities(None) == ([], False)
    assert vulnerabilities({"dependencies": REPORT["dependencies"][:1]}) == ([], True)


def test_what_is_installed_and_not_pinned_is_a_finding() -> None:
    pinned = read_pinned("# of 2026\nAioHTTP==3.14.5\ntyping_extensions==4.1; python_version >= '3.13'\n")
    assert pinned == {"aiohttp": "3.14.5", "typing-extensions": "4.1"}
    assert any(finding.startswith("pydantic ") for finding in unpinned(pinned, distributions()))


def test_copyleft_is_a_finding_and_the_daemon_has_none() -> None:
    assert list(copyleft(["piper-tts"])) != []
    libraries = runtime_libraries()
    assert {"aiohttp", "multidict", "sqlalchemy"} <= libraries
    assert "piper-tts" not in libraries
    assert list(copyleft(libraries)) == []
