"""Exit codes, and how commands end that somebody ends."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from dialer.commands import exits
from tests.api.conftest import running_dialer
from tests.commands.running import PROGRAM, Ran, done, environment, program, run
from tests.commands.test_tasks import make
from tests.rig.daemon import Dialer
from tests.rig.ports import PortBlock
from tests.rig.waiting import wait_until

PAGES = Path(__file__).resolve().parents[2] / "docs" / "pages"


@asynccontextmanager
async def answering(status: int, body: object, folder: Path) -> AsyncIterator[Path]:
    """Settings of a daemon that answers everything so."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    application, ports = web.Application(), PortBlock(udp_ports=0, tcp_ports=1)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", ports.port(1)).start()
    file = folder / "stand-in.toml"
    file.write_text(f'[http]\nport = {ports.port(1)}\n[ami]\nsecret = "x"\n')
    try:
        yield file
    finally:
        await runner.cleanup()
        ports.release()


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (503, {"result": False, "messages": ["the database is locked"]}, exits.NOT_NOW, "the database is locked"),
        (429, {"result": False, "messages": ["too many"]}, exits.NOT_NOW, "too many"),
        (401, {"result": False, "messages": []}, exits.NO_PERMISSION, "the daemon wants a key"),
        (403, {"result": False, "messages": ["The role operator is needed."]}, exits.NO_PERMISSION, "The role"),
        (200, {"result": False, "messages": {"error": ["no"]}}, exits.REFUSED, "Error: no"),
        (500, {"result": False, "messages": []}, exits.REFUSED, "HTTP 500"),
        (200, {"hello": 1}, exits.UNAVAILABLE, "is no dialer: HTTP 200"),
        (404, ["x"], exits.UNAVAILABLE, "is no dialer: HTTP 404"),
    ],
)
async def test_the_exit_code_tells_what_the_daemon_answered(
    tmp_path: Path, status: int, body: object, code: int, said: str
) -> None:
    async with answering(status, body, tmp_path) as config:
        done = await asyncio.to_thread(program, "tasks", "list", "--config", str(config), env=environment())
    assert (done.returncode, done.stdout, said in done.stderr) == (code, "", True), done.stderr
    assert "Traceback" not in done.stderr


async def test_a_daemon_that_wants_a_key_is_told_from_one_that_refuses() -> None:
    async with running_dialer({"auth": {"trust_local": False}}) as dialer:
        ran = await run(dialer, "tasks", "list")
        assert (ran.code, "AUTODIALER_API_KEY" in ran.err) == (exits.NO_PERMISSION, True)


async def test_the_doctor_says_that_a_daemon_wants_a_key_and_how_to_give_it(tmp_path: Path) -> None:
    def of_the_daemon(ran: Ran) -> dict[str, str]:
        (found,) = [one for one in json.loads(ran.out)["findings"] if one["check"] in ("daemon", "rest")]
        return dict(found)

    asks = ("doctor", "--json", "--no-call")
    async with running_dialer({"auth": {"trust_local": False}}) as dialer:
        found = of_the_daemon(await run(dialer, *asks))
        assert (found["check"], found["state"], "no dialer" in found["says"]) == ("daemon", "warn", False)
        assert "the daemon wants a key" in found["says"]
        assert found["mend"].startswith("AUTODIALER_API_KEY=KEY dialer doctor; a key: dialer apikey add NAME")
        found = of_the_daemon(await run(dialer, *asks, env={"AUTODIALER_API_KEY": "ad_wrong"}))
        assert "does not accept the key in AUTODIALER_API_KEY" in found["says"]
        key = (await done(dialer, "apikey", "add", "doctor")).split()[-1]
        found = of_the_daemon(await run(dialer, *asks, env={"AUTODIALER_API_KEY": key}))
        assert "nothing is dialled: Asterisk: away" in found["says"], "it tells how it is"
    async with answering(429, {"result": False, "messages": ["too many failed logins"]}, tmp_path) as config:
        told = await asyncio.to_thread(program, *asks, "--config", str(config), env=environment())
    assert "too many failed logins" in told.stdout and "no dialer" not in told.stdout


@pytest.mark.parametrize("verb", [["tasks", "list"], ["top", "--once"], ["results", "5"], ["stoplist", "list"]])
async def test_no_daemon_is_told_in_one_line(own: Dialer, verb: list[str]) -> None:
    await own.stop()
    ran = await run(own, *verb)
    assert (ran.code, ran.out, ran.err.count("\n")) == (exits.UNAVAILABLE, "", 1)


@pytest.mark.parametrize(
    "arguments", [["top", "--interval", "0.2"], ["import", "{table}", "--exten", "201", "--watch", "--yes"]]
)
async def test_ctrl_c_ends_quietly_with_130(shared: Dialer, tmp_path: Path, arguments: list[str]) -> None:
    table, output = tmp_path / "t.csv", tmp_path / "out"
    table.write_text("79520000001\n")
    given = [one.format(table=table) for one in arguments]
    with output.open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *given, "--config", str(shared.config_file), stdout=out, stderr=err, env=environment()
        )
    last = "0 of 1 done" if "--watch" in given else "Name"
    await wait_until(lambda: last in output.read_text(), "it shows something")
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 10) == exits.INTERRUPTED
    assert (tmp_path / "err").read_text().strip() == "Aborted!"


async def test_a_closed_pipe_ends_top(shared: Dialer) -> None:
    await make(shared)
    line = f"{PROGRAM} top --interval 0.2 --config {shared.config_file} | head -2; echo ${{PIPESTATUS[0]}}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (out.decode().splitlines()[-1], err) == (str(exits.BROKEN_PIPE), b"")


def test_a_full_disk_under_our_output_is_an_error_and_no_trace() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "completion", "bash"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=os.environ
        )
    assert done.returncode != 0


def test_every_exit_code_is_documented() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    for language in ("en", "ru"):
        text = (PAGES / language / "command-line.md").read_text(encoding="utf-8")
        assert {code for code in codes if f"| {code} |" not in text} == set()
    done = program("--help", env=environment())
    shown = " ".join(done.stdout.split())
    assert [code for code in sorted(codes) if f"{code} " not in shown] == []
