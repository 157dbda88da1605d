"""Operators at Asterisk's own CLI, and tasks as lamps and keys of telephones."""

import asyncio
import os
import pty
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, unquote

import pytest

from dialer.api.asterisk_cli.screens import columns_of
from dialer.model.access import cli_token
from dialer.pbx.lamps import Lamp
from tests.calls.asking import connect, post_task
from tests.rig.numbers import make_number
from tests.rig.pbx import Pbx, asterisk_root
from tests.rig.telephone import Telephone
from tests.rig.waiting import wait_for_answer, wait_until
from tests.rig.world import World

NOBODY = {"timeStart": 0, "timeEnd": 0, "timeCallAllow": ""}
BUSY, STAYS = "70", "60"


async def waiting_task(world: World, series: int, *, numbers: int = 3, name: str = "") -> str:
    """A paused task: nothing of it is dialled until it is resumed."""
    listed = [make_number(series + one, BUSY) for one in range(numbers)]
    return await post_task(world.dialer, listed, "201", "exten", name=name or f"task {series}", state=2)


async def state_of(world: World, task_id: str) -> str:
    return str((await world.dialer.data("GET", f"/task/{task_id}"))["state"])


async def hint_of(pbx: Pbx, task_id: str) -> str:
    """The device state as Asterisk tells it."""
    shown = await pbx.rx("devstate list")
    for line in shown.splitlines():
        if f"Custom:dialer-{task_id}'" in line:
            return line.rpartition("State:")[2].strip().strip("'")
    return ""


async def test_help_is_printed_where_it_is_typed(world: World) -> None:
    for typed in ("dialer", "dialer help"):
        assert "dialer show task N" in await world.pbx.rx(typed)


async def test_tasks_are_listed_with_their_figures_within_80_columns(world: World, series: int) -> None:
    name = 'Оценка качества обслуживания; 100 % "кавычки" & знаки = № 5 и очень длинное имя задачи'
    task_id = await waiting_task(world, series, name=name)
    shown = await world.pbx.rx("dialer show tasks")
    (line,) = [line for line in shown.splitlines() if line.startswith(task_id)]
    assert line.split()[:4] == [task_id, "paused", "0/3", "0/10"]
    assert "Оценка качества" in line and len(line.rstrip()) < 80
    await world.pbx.rx(f"dialer stop {task_id}")
    assert task_id not in await world.pbx.rx("dialer show tasks")
    assert task_id in await world.pbx.rx("dialer show tasks closed")


async def test_a_task_is_shown_whole_with_what_holds_it_back(world: World, series: int) -> None:
    done = await connect(world, "201", [make_number(series, BUSY)])
    shown = await world.pbx.rx(f"dialer show task {done['id']}")
    assert "closed" in shown and "1  FAIL" in shown and "exten 201" in shown
    task_id = await waiting_task(world, series + 10)
    assert "paused" in await world.pbx.rx(f"dialer show task {task_id}")


async def test_pause_resume_and_stop_do_what_rest_does(world: World, series: int) -> None:
    task_id = await waiting_task(world, series, numbers=1)
    assert "goes on" in await world.pbx.rx(f"dialer resume {task_id}")
    await world.dialer.wait_finished(task_id)
    assert world.provider.invites()[make_number(series, BUSY)] == 1
    other = await waiting_task(world, series + 10)
    assert "paused already" in await world.pbx.rx(f"dialer pause {other}")
    assert "closed" in await world.pbx.rx(f"dialer stop {other}")
    assert await state_of(world, other) == "1"


async def test_a_task_is_found_by_the_crm_s_id_too(world: World, series: int) -> None:
    listed = [make_number(series, BUSY)]
    task_id = await post_task(world.dialer, listed, "201", "exten", crmId=f"zakaz-{series}", state=2)
    assert f"task {task_id}" in await world.pbx.rx(f"dialer why zakaz-{series}")


async def test_why_answers_for_a_task_and_for_a_number(world: World, series: int) -> None:
    task_id = await waiting_task(world, series)
    assert "paused" in await world.pbx.rx(f"dialer why {task_id}")
    number = make_number(series, BUSY)
    spaced = f"+{number[0]} {number[1:4]} {number[4:]}"
    for typed in (f"{task_id} {number}", f"{task_id} {spaced}", number, spaced):
        answer = (await world.pbx.rx(f"dialer why {typed}")).split(typed, 1)[1]  # behind what Asterisk repeats
        assert (answer.count(number), "waits, 0 before it" in answer) == (1, True)
    assert "not in the task's list" in (await world.pbx.rx(f"dialer why {task_id} 79520000099")).replace("\n", " ")


@pytest.mark.parametrize(
    "typed",
    [
        'show task ") "', "pause 1); core stop now", "why ${SHELL(id)}", "show tasks 'x", "pause %0d%0aAction: Ping",
        "stop", "frobnicate", "why 1000000001 x;y", "show task " + "9" * 150, "pause \\", "a=b&command=stop 1",
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_answered_by_words_and_changes_nothing(world: World, typed: str) -> None:
    before = await world.dialer.data("GET", "/task?limit=1000")
    shown = await world.pbx.rx(f"dialer {typed}")
    assert ("Try: dialer help" in shown) == ("open or paused with" not in shown), "else nothing is wrong but not found"
    assert "dialer resume N" not in shown, "no whole help"
    assert "no such command" in shown or "there is no task" in shown or "expected" in shown, shown
    assert await world.dialer.data("GET", "/task?limit=1000") == before


async def test_more_tasks_than_fit_are_printed_page_by_page(own_world: World) -> None:
    ask = own_world.pbx.rx
    names = [f"Опрос {one:03d}" for one in range(250)]
    await asyncio.gather(*(waiting_task(own_world, 0, numbers=1, name=name) for name in names))
    pages = [await ask(f"dialer show tasks{which}") for which in ("", " paused page 2", " page 3")]
    assert [page.count(" 0/1 ") for page in pages] == [100, 100, 50]
    assert all("".join(pages).count(name) == 1 for name in names)
    assert pages[0].splitlines()[-1] == "There are more: dialer show tasks page 2"
    assert pages[1].splitlines()[-1] == "There are more: dialer show tasks paused page 3"
    assert "There are more" not in pages[2]
    assert "no further" in await ask("dialer show tasks page 4")
    assert (await ask("dialer show tasks опрос 042")).count(" 0/1 ") == 1


@contextmanager
def console(pbx: Pbx) -> Iterator[int]:
    """An interactive `asterisk -rvvv`: the file descriptor of its terminal."""
    master, slave = pty.openpty()
    command = pbx.console_command(asterisk_root())
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    os.set_blocking(master, False)
    try:
        yield master
    finally:
        process.kill()
        process.wait()
        os.close(master)


async def read_until(terminal: int, wanted: str) -> str:
    seen = b""

    def look() -> bool:
        nonlocal seen
        with suppress(BlockingIOError, OSError):
            seen += os.read(terminal, 65536)
        return wanted in seen.decode(errors="replace")

    await wait_until(look, f"{wanted!r} on the console")
    return seen.decode(errors="replace")


async def test_each_of_two_consoles_sees_its_own_answers(world: World, series: int) -> None:
    task_id = await waiting_task(world, series)
    with console(world.pbx) as one, console(world.pbx) as other:
        for terminal in (one, other):
            await read_until(terminal, "CLI>")
        os.write(one, f"dialer why {task_id}\n".encode())
        os.write(other, b"dialer help\n")
        assert "dialer resume N" not in await read_until(one, f"task {task_id}: ")
        assert f"task {task_id}: " not in await read_until(other, "dialer resume N")


async def test_without_the_daemon_the_console_says_so_at_once(own_world: World) -> None:
    await own_world.dialer.kill()
    began_s = time.monotonic()
    for typed in ("dialer show tasks", "dialer", "dialer pause 1000000001"):
        assert "not answered: does the daemon run?" in await own_world.pbx.rx(typed)
    assert time.monotonic() - began_s < 3
    await own_world.dialer.start()
    assert "there is no task" in await own_world.pbx.rx("dialer show tasks")


async def test_tab_completes_the_commands(world: World) -> None:
    asked = {
        '"dialer " ""': "help pause resume show stop why",
        '"dialer show t" "t"': "task tasks",
        '"dialer pa" "pa"': "pause",
    }
    for line, completed in asked.items():
        offered = (await world.pbx.rx(f"_command matchesarray {line}")).replace("_EOF_", "").split()
        assert set(completed.split()) <= set(offered), line


async def test_a_longer_alias_and_the_short_one_say_the_same(world: World, series: int) -> None:
    """An abbreviation of a word is none: `dialer pau 1` is answered by the short alias."""
    task_id = await waiting_task(world, series)
    assert "paused already" in await world.pbx.rx(f"dialer pause {task_id}")
    assert "no such command: pau" in await world.pbx.rx(f"dialer pau {task_id}")
    assert "which task?" in await world.pbx.rx("dialer pause")


def as_stranger(port: int, sent: bytes) -> bytes:
    """What another user of this machine is answered on a port of the daemon."""
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; cat >&3; timeout 5 head -c 4000 <&3"
    stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/bash", "-c", script]
    return subprocess.run(stranger, input=sent, stdout=subprocess.PIPE, check=False, timeout=20).stdout


def posted(token: str, command: str) -> bytes:
    body = f"command={quote(command)}"
    head = (
        f"POST /{token}/single HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


async def test_another_user_of_the_machine_is_refused_even_with_the_token(world: World, series: int) -> None:
    """Asterisk writes the token into its log when the daemon is away."""
    task_id = await waiting_task(world, series)
    token = cli_token(world.pbx.ami_secret)
    answer = await asyncio.to_thread(as_stranger, world.pbx.cli_port, posted(token, f"resume {task_id}"))
    assert b"not%20user%2065534" in answer, answer
    assert await state_of(world, task_id) == "2"


async def test_without_the_token_asterisk_is_told_what_to_mend(world: World) -> None:
    session = world.dialer.session
    assert session is not None
    url = f"http://127.0.0.1:{world.pbx.cli_port}/{'0' * 64}/single"
    async with session.post(url, data={"command": "show tasks"}) as response:
        assert response.status == 403
        assert "extconfig_autodialer.conf" in unquote(await response.text())


@pytest.mark.parametrize("channel", ["", "PJSIP/208-00000001", "x\r\nAction: Ping"])
async def test_who_only_says_that_a_key_was_pressed_changes_nothing(world: World, series: int, channel: str) -> None:
    task_id = await waiting_task(world, series)
    said = f"agi_network_script: key\nagi_channel: {channel}\nagi_callerid: 201\nagi_arg_1: {task_id}\n\n"
    port = int((await world.pbx.rx("database get autodialer-daemon agi")).rpartition(":")[2])
    answer = await asyncio.to_thread(as_stranger, port, said.encode())
    assert b"refused" in answer or answer == b"", answer
    assert await state_of(world, task_id) == "2"


async def test_nothing_that_is_printed_is_wider_than_a_terminal_or_obeyed_by_it(world: World, series: int) -> None:
    hostile = "\x1b[2J\x1b]0;заголовок\x07 задача \u202e " + "очень " * 30
    task_id = await waiting_task(world, series, name=hostile)
    typed = (
        "help",
        "show tasks",
        "show tasks closed",
        f"show task {task_id}",
        f"why {task_id}",
        f"pause {task_id}",
        "x" * 150,
    )
    for one in typed:
        shown = await world.pbx.rx(f"dialer {one}")
        lines = shown.splitlines()[2:]
        assert all(columns_of(line.rstrip()) <= 80 for line in lines), lines
        assert all(char.isprintable() or char == "\n" for char in shown), repr(shown)


async def test_a_lamp_follows_its_task_and_its_key_pauses_it(world: World, series: int) -> None:
    """A task with one channel whose subscriber stays on the line: nobody else is called when it is paused."""
    numbers = [make_number(series, "62"), make_number(series + 1, BUSY)]
    task_id = await post_task(world.dialer, numbers, "201", "exten", channels=1, state=2)
    key = f"*37{task_id}"
    async with Telephone("208", world.pbx.sip_port) as telephone:
        await wait_for_answer(lambda: hint_of(world.pbx, task_id), lambda state: state == Lamp.PAUSED, "its lamp")
        await telephone.watch(key)
        await telephone.watch(f"dialer-{task_id}")
        assert telephone.lamps[key] == "dark"
        await telephone.press(key)
        await wait_until(lambda: telephone.lamps[key] == "lit", "a lit lamp")
        assert telephone.lamps[f"dialer-{task_id}"] == "lit"
        await wait_until(lambda: world.provider.invites()[numbers[0]], "the first call")
        await telephone.press(f"dialer-{task_id}")
        await wait_until(lambda: telephone.lamps[key] == "dark", "a dark lamp")
        assert await state_of(world, task_id) == "2"
        await wait_for_answer(
            lambda: world.dialer.data("GET", f"/task/{task_id}"),
            lambda task: task["results"][0]["result"] is not None,
            "the end of the call in progress",
        )
        assert world.provider.invites()[numbers[1]] == 0
        await telephone.press(key)
        await world.dialer.wait_finished(task_id)
        assert world.provider.invites()[numbers[1]] == 1
        await wait_for_answer(lambda: hint_of(world.pbx, task_id), lambda state: not state, "no device state any more")
        assert telephone.lamps[key] == "dark"
    session = world.dialer.session
    assert session is not None
    async with session.get(f"{world.dialer.url}/console/v1/audit?search={task_id}") as response:
        who = {row["who"] for row in (await response.json())["data"]["rows"]}
    assert "telephone:208" in who


async def test_the_key_of_a_task_that_is_not_there_does_nothing(world: World) -> None:
    async with Telephone("208", world.pbx.sip_port) as telephone:
        for key in ("*371", "*37999999999999999999", "*371000000001"):
            await telephone.press(key)
    assert (await world.dialer.health())["dialling"] is True


async def test_lamps_go_out_with_the_daemon_and_come_back_after_restarts(own_world: World) -> None:
    world, pbx = own_world, own_world.pbx
    task_id = await waiting_task(world, 0)

    async def becomes(state: str) -> None:
        await wait_for_answer(lambda: hint_of(pbx, task_id), lambda seen: seen == state, f"{state} of {task_id}")

    await becomes(Lamp.PAUSED)
    await world.dialer.stop()
    await becomes(Lamp.OFF)
    await world.dialer.start()
    await becomes(Lamp.PAUSED)
    pbx.kill()
    await pbx.start()
    await world.dialer.wait_dialling()
    await becomes(Lamp.PAUSED)
    await world.dialer.data("DELETE", f"/task/{task_id}")
    await becomes("")
    assert await asyncio.wait_for(pbx.rx(f"database show CustomDevstate dialer-{task_id}"), 5)


async def test_a_key_works_after_a_reload_that_clears_global_variables(world: World, series: int) -> None:
    task_id = await waiting_task(world, series)
    file = world.pbx.etc_dir / "extensions.conf"
    before = file.read_text()
    try:
        file.write_text(before.replace("static = yes", "static = yes\nclearglobalvars = yes"))
        for _ in range(2):  # a reload clears them when the one before has read so (Asterisk 22 pbx_config.c)
            await world.pbx.rx("dialplan reload")
        async with Telephone("208", world.pbx.sip_port) as telephone:
            await telephone.press(f"*37{task_id}")
        await world.dialer.wait_task(task_id, lambda task: task["state"] != "2", "the task goes on", 5)
    finally:
        file.write_text(before)
        await world.pbx.rx("dialplan reload")
