"""`dialer top` on a terminal, seen as a terminal shows it, and without one."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pyte

from tests.commands.running import PROGRAM, done, environment
from tests.commands.test_tasks import make
from tests.rig.daemon import Dialer
from tests.rig.waiting import wait_until

DOWN, LEAVES_ALTERNATE_SCREEN, SHOWS_CURSOR = b"\x1b[B", b"\x1b[?1049l", b"\x1b[?25h"


@dataclass
class Terminal:
    """A program in a terminal of its own, and what it shows."""

    master: int
    process: asyncio.subprocess.Process
    screen: pyte.Screen
    sent: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._stream = pyte.ByteStream(self.screen)
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self) -> None:
        try:
            content = os.read(self.master, 65536)
        except OSError:  # its other end is closed
            content = b""
        if not content:
            asyncio.get_running_loop().remove_reader(self.master)
        self.sent += content
        self._stream.feed(content)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def line(self, begins: str) -> str:
        return next((line.rstrip() for line in self.screen.display if line.startswith(begins)), "")

    def is_selected(self, begins: str) -> bool:
        place = next(place for place, line in enumerate(self.screen.display) if line.startswith(begins))
        return bool(self.screen.buffer[place][0].reverse)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    async def shows(self, text: str) -> None:
        await wait_until(lambda: text in self.text, f"the screen shows {text!r}", 15)


@asynccontextmanager
async def top_in_terminal(dialer: Dialer, columns: int = 100, lines: int = 24, **env: str) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    command = [PROGRAM, "top", "--interval", "0.3", "--config", str(dialer.config_file)]
    clean = {name: value for name, value in environment().items() if name not in {"COLUMNS", "LINES"}}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=slave, stdout=slave, stderr=slave, env={**clean, "TERM": "xterm-256color", **env}
    )
    terminal = Terminal(master, process, pyte.Screen(columns, lines))
    try:
        yield terminal
        if process.returncode is None:
            terminal.press(b"q")
            assert await asyncio.wait_for(process.wait(), 10) == 0
        await wait_until(lambda: LEAVES_ALTERNATE_SCREEN in terminal.sent, "the terminal is as it was")
        assert SHOWS_CURSOR in terminal.sent
        attributes = termios.tcgetattr(slave)
        assert attributes[3] & termios.ICANON
        assert attributes[3] & termios.ECHO
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(slave)
        os.close(master)


async def test_the_screen_shows_tasks_and_keys_pause_the_selected_one(own: Dialer) -> None:
    first, second = await make(own, name="первая"), await make(own, "79520000001", "79520000002", name="вторая")
    async with top_in_terminal(own) as terminal:
        await terminal.shows("вторая")
        assert "not dialling" in terminal.text
        assert "Asterisk: away (AMI 127.0.0.1:" in terminal.text
        assert "calls in progress: 0" in terminal.text
        assert terminal.line(second).split() == [
            second,
            "open",
            "вторая",
            "number",
            "201",
            "0",
            "1",
            "2",
            "0",
            "0",
            "0",
        ]
        assert terminal.is_selected(second)
        terminal.press(DOWN)
        await wait_until(lambda: terminal.is_selected(first), "the arrow moves the selection")
        terminal.press(b"p")
        await wait_until(lambda: "paused" in terminal.line(first), "the task is shown as paused")
        assert (await own.data("GET", f"/task/{first}"))["state"] == "2"
        assert terminal.is_selected(first)
        await terminal.shows("p resume")
        terminal.press("з".encode())  # the same key of a Russian keyboard
        await wait_until(lambda: "open" in terminal.line(first), "the task goes on")
        assert (await own.data("GET", f"/task/{first}"))["state"] == "0"


async def test_it_follows_the_size_of_its_window(own: Dialer) -> None:
    for place in range(30):
        await make(own, name=f"задача с длинным названием {place}")
    async with top_in_terminal(own, 120, 20) as terminal:
        await terminal.shows("q quit")
        assert "названием 29" in terminal.text
        shown = sum("1000000" in line for line in terminal.screen.display)
        assert "q quit" in terminal.screen.display[19]
        terminal.resize(80, 12)
        await wait_until(
            lambda: (
                0 < sum("1000000" in line for line in terminal.screen.display) < shown
                and "q quit" in terminal.screen.display[11]
            ),
            "the foot is at the foot again, and there are fewer tasks above",
        )
        assert all(line.split()[0].isdecimal() for line in terminal.screen.display if line.startswith("1000"))
        terminal.press(DOWN * 25)
        await terminal.shows(str(1_000_000_030 - 25))


async def test_a_daemon_that_is_gone_is_told_and_found_again(own: Dialer) -> None:
    task_id = await make(own)
    async with top_in_terminal(own) as terminal:
        await terminal.shows(task_id)
        await own.stop()
        await terminal.shows("cannot be asked")
        assert task_id in terminal.text
        await own.start()
        await wait_until(lambda: "cannot be asked" not in terminal.text, "it is found again", 15)


async def test_ctrl_c_leaves_the_terminal_as_it_was(own: Dialer) -> None:
    async with top_in_terminal(own) as terminal:
        await terminal.shows("q quit")
        terminal.press(b"\x03")
        assert await asyncio.wait_for(_foreground(terminal), 10) == 130


async def _foreground(terminal: Terminal) -> int:
    """The terminal is not our program's controlling one: what its driver would send is sent."""
    terminal.process.send_signal(signal.SIGINT)
    return await terminal.process.wait()


async def test_no_colours_where_nobody_wants_them(own: Dialer) -> None:
    await make(own)
    async with top_in_terminal(own, NO_COLOR="1") as terminal:
        await terminal.shows("q quit")
        assert b"\x1b[31m" not in terminal.sent
        assert b"[38;5" not in terminal.sent
        assert b";31m" not in terminal.sent


async def test_the_screen_is_russian(own: Dialer) -> None:
    await make(own)
    async with top_in_terminal(own, LC_ALL="ru_RU.UTF-8") as terminal:
        await terminal.shows("q выход")
        assert "не набирает" in terminal.text
        assert "открыта" in terminal.text


async def test_one_screen_for_scripts_has_no_escapes(own: Dialer) -> None:
    task_id = await make(own, name="Обзвон")
    said = await done(own, "top", "--once")
    (line,) = [line for line in said.splitlines() if line.startswith(task_id)]
    assert line.split() == [task_id, "open", "Обзвон", "number", "201", "0", "1", "1", "0", "0", "0"]
    assert "\x1b" not in said
    assert "quit" not in said


async def test_a_dumb_pipe_gets_screen_after_screen(own: Dialer) -> None:
    await make(own)
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "top", "--interval", "0.2", "--config", str(own.config_file),
        stdout=asyncio.subprocess.PIPE, env=environment(TERM="dumb"),
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while said.count("not dialling") < 3:
        said += (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert "\x1b" not in said
