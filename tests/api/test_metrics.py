"""GET /metrics of a running daemon, and everything in docs/monitoring that is about it."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.api.asking import ask, bearer, command, from_afar
from tests.api.conftest import running_dialer
from tests.rig.daemon import BASE, Dialer
from tests.rig.ports import PortBlock
from tests.rig.prometheus import Exposed, metrics_of, program, promtool
from tests.rig.waiting import wait_for_answer

MONITORING = Path(__file__).resolve().parents[2] / "docs/monitoring"
ALERTS, DASHBOARD, CONFIG = (
    MONITORING / "alerts.yml",
    MONITORING / "grafana-dashboard.json",
    MONITORING / "prometheus.yml",
)
OF_PROMETHEUS = {"instance", "job", "le"}
_METRIC = re.compile(r"\b((?:autodialer|process|python)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_SHOWN = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


@dataclass(frozen=True)
class Shown:
    """An expression with the texts in which its labels stand."""

    place: str
    expression: str
    texts: tuple[str, ...] = ()


def of_alerts() -> Iterator[Shown]:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield Shown(rule["alert"], rule["expr"], tuple(rule["annotations"].values()))


def of_dashboard() -> Iterator[Shown]:
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Shown(panel["title"], target["expr"], (target["legendFormat"],))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield Shown(variable["name"], variable["definition"])
    for annotation in dashboard["annotations"]["list"]:
        yield Shown(annotation["name"], annotation["expr"])


def check_expression(shown: Shown, exposed: Exposed) -> None:
    """AssertionError for a metric or label that the daemon does not have."""
    known: dict[str, set[str]] = {}
    for name, matchers in _METRIC.findall(shown.expression):
        if name == "up":  # Prometheus' own
            known.setdefault("instance", set())
            continue
        labels = exposed.labels_of(name)
        assert any(exposed.of(name)), f"{shown.place}: no metric {name}"
        known.update(labels)
        for label, how, value in _MATCHER.findall(matchers):
            if label in OF_PROMETHEUS:
                continue
            assert label in labels, f"{shown.place}: {name} has no label {label}"
            if label != "status":  # which there are is a matter of luck
                fits = value.__eq__ if how == "=" else re.compile(value).fullmatch
                assert how in ("=", "=~"), shown.place
                assert any(fits(one) is True or (how == "=~" and fits(one)) for one in labels[label]), (
                    f"{shown.place}: {name} has no {label} {how} {value}"
                )
    grouped = {label.strip() for labels in _GROUPING.findall(shown.expression) for label in labels.split(",")}
    assert grouped <= set(known) | OF_PROMETHEUS, f"{shown.place}: {grouped}"
    for text in shown.texts:
        told = set(_SHOWN.findall(text))
        assert told <= (grouped or set(known)) | OF_PROMETHEUS, f"{shown.place}: {told}"


async def test_whoever_may_read_may_read_metrics_and_nobody_else() -> None:
    async with running_dialer({"http": {"trusted_proxies": ["127.0.0.1"]}}) as dialer:
        key = command(dialer, "apikey", "add", "prometheus", "--role", "read-only").strip()
        assert (await ask(dialer, "GET", "/metrics", headers=from_afar())).status == 401
        assert (await ask(dialer, "GET", "/metrics", headers=from_afar() | bearer("wrong"))).status == 401
        assert (await ask(dialer, "GET", "/metrics", headers=from_afar() | bearer(key))).status == 200


@pytest_asyncio.fixture(scope="module")
async def looked_at() -> AsyncIterator[Dialer]:
    """For tests that only read."""
    async with running_dialer() as daemon:
        await daemon.call("POST", "/task", raw="no JSON")
        yield daemon


async def test_metrics_are_as_prometheus_wants_them(looked_at: Dialer) -> None:
    text = (await metrics_of(looked_at)).text
    assert promtool("check", "metrics", given=text) == ""
    assert looked_at.session is not None
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    async with looked_at.session.get(f"{looked_at.url}/metrics", headers=accept) as response:
        assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert (await response.text()).endswith("# EOF\n")
    async with looked_at.session.head(f"{looked_at.url}/metrics") as response:
        assert response.status == 200


async def test_requests_are_counted_by_route_and_never_by_path(dialer: Dialer) -> None:
    for path in (f"{BASE}/task/79520000100", f"{BASE}/task/79520000101", "/79520000102"):
        await ask(dialer, "GET", path)
    await dialer.call("POST", "/task", raw="no JSON")
    seen = await metrics_of(dialer)
    requests = "autodialer_http_requests_total"
    assert seen.total(requests, method="GET", route=f"{BASE}/task/{{id}}", status="200") == 2
    assert seen.total(requests, method="GET", route="", status="404") == 1
    assert seen.total(requests, method="POST", route=f"{BASE}/task") == 1
    assert seen.total("autodialer_http_request_seconds_count", route=f"{BASE}/task/{{id}}") == 2
    assert seen.total("autodialer_http_requests_in_flight") == 1
    assert "795200001" not in seen.text  # the beginning of the three; four digits of it may be those of a time


async def test_a_stream_of_events_is_counted_and_its_time_is_not(dialer: Dialer) -> None:
    assert dialer.session is not None
    async with dialer.session.get(f"{dialer.url}/console/v1/live?once=1") as response:
        await response.read()
    seen = await metrics_of(dialer)
    assert seen.total("autodialer_http_requests_total", route="/console/v1/live", status="200") == 1
    assert seen.total("autodialer_http_request_seconds_count", route="/console/v1/live") == 0


async def test_the_database_s_and_the_tasks_figures(dialer: Dialer) -> None:
    before = await metrics_of(dialer)
    for state in (0, 0, 2):
        task = await dialer.data("POST", "/task", {"innerNum": "201", "numbers": ["79520000100"]})
        await dialer.data("PUT", f"/task/{task['id']}", {"state": state})
    seen = await metrics_of(dialer)
    commits, operations = "autodialer_database_commit_seconds_count", "autodialer_database_commit_operations_sum"
    assert seen.total(operations) - before.total(operations) >= seen.total(commits) - before.total(commits) >= 1
    assert seen.counts("autodialer_tasks", "state") == {"open": 2, "paused": 1}
    assert seen.total("autodialer_database_operations_waiting") == 0
    assert (seen.total("autodialer_dialling"), seen.total("autodialer_troubled")) == (0, 1)
    assert seen.total("autodialer_ami_ready") == 0


async def test_speech_is_counted_by_engine_and_its_cache_by_hits(dialer: Dialer) -> None:
    polling = {"questions": [{"questionId": "1", "questionText": "Добрый день.", "press": []}]}
    for _ in range(2):
        await dialer.data("POST", "/polling", polling)
    seen = await metrics_of(dialer)
    assert seen.total("autodialer_tts_texts_total", result="spoken") == 1
    assert seen.total("autodialer_tts_speak_seconds_count") == 1
    assert seen.counts("autodialer_tts_cache_lookups_total", "result") == {"miss": 1, "hit": 1}
    assert seen.total("autodialer_tts_cache_bytes") > 1000


async def test_every_alert_and_panel_is_about_metrics_and_labels_that_exist(looked_at: Dialer) -> None:
    exposed = await metrics_of(looked_at)
    everything = [*of_alerts(), *of_dashboard()]
    assert len(everything) > 50
    for shown in everything:
        check_expression(shown, exposed)
    shown_names = {name for shown in everything for name, _ in _METRIC.findall(shown.expression)}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", one.name) for one in exposed.samples if one.name.startswith("autodialer_")
    }
    assert ours <= {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown_names}, "each metric is shown somewhere"


@pytest.mark.parametrize(
    "wrong",
    [
        "autodialer_no_such_thing > 1",
        'autodialer_tasks{status="open"}',
        'autodialer_tasks{state="ajar"}',
        "sum by (phone) (autodialer_tasks)",
    ],
)
async def test_the_check_of_expressions_finds_what_is_wrong(looked_at: Dialer, wrong: str) -> None:
    exposed = await metrics_of(looked_at)
    with pytest.raises(AssertionError):
        check_expression(Shown("here", wrong), exposed)


def test_each_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
            assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]


def test_promtool_takes_the_rules_and_they_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", ALERTS)
    assert "SUCCESS" in promtool("test", "rules", Path(__file__).with_name("alerts_test.yml"))


def test_prometheus_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, with Grafana's variables filled in."""
    rules = [
        {"record": f"dashboard:{place}", "expr": shown.expression.replace("$__rate_interval", "1m")}
        for place, shown in enumerate(of_dashboard())
        if not shown.expression.startswith("label_values(")  # Grafana's own
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", tmp_path / "rules.yml")


def test_every_alert_is_tried_out() -> None:
    tried = yaml.safe_load(Path(__file__).with_name("alerts_test.yml").read_text())["tests"]
    fired = {test["name"] for test in tried if any(one["exp_samples"] for one in test["promql_expr_test"])}
    assert fired == {shown.place for shown in of_alerts()}


async def test_a_real_prometheus_reads_with_the_configuration_of_the_documents(tmp_path: Path) -> None:
    """The files as they are; only addresses, paths and the interval are the test's own."""
    settings = {"auth": {"trust_local": False}}
    ports = PortBlock(udp_ports=0, tcp_ports=1)
    async with running_dialer(settings) as dialer:
        key = tmp_path / "autodialer.key"
        key.write_text(command(dialer, "apikey", "add", "prometheus", "--role", "read-only"))
        config = CONFIG.read_text()
        for written, here in {
            "/etc/prometheus/autodialer.key": str(key),
            "127.0.0.1:8088": dialer.url.removeprefix("http://"),
            "alerts.yml": str(ALERTS),
            "15s": "1s",
        }.items():
            assert written in config
            config = config.replace(written, here)
        (tmp_path / "prometheus.yml").write_text(config)
        promtool("check", "config", tmp_path / "prometheus.yml")
        address = f"127.0.0.1:{ports.port(1)}"
        with (tmp_path / "log").open("wb") as log:
            prometheus = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", "--", program("prometheus"),
                f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={address}", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            async with aiohttp.ClientSession() as session:
                await wait_for_answer(
                    lambda: _query(session, address, 'autodialer_tasks{state="open"}'), bool, "Prometheus has read", 20
                )
                (up,) = await _query(session, address, "up")
                assert up["value"][1] == "1"
                async with session.get(f"http://{address}/api/v1/rules") as response:
                    (group,) = (await response.json())["data"]["groups"]
                assert len(group["rules"]) == len(list(of_alerts()))
        finally:
            prometheus.terminate()
            await prometheus.wait()
            ports.release()


async def _query(session: aiohttp.ClientSession, address: str, query: str) -> list[Any]:
    try:
        async with session.get(f"http://{address}/api/v1/query", params={"query": query}) as response:
            return list((await response.json())["data"]["result"]) if response.status == 200 else []
    except aiohttp.ClientError:
        return []
