"""`dialer top`: a live screen of what is dialled."""

import asyncio
import codecs
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.live import Live

from dialer.commands.daemon import CONSOLE_BASE, DaemonClient, daemon_of
from dialer.commands.options import config_option, settings_of
from dialer.commands.screen import console
from dialer.commands.tables import is_terminal
from dialer.commands.tasks import OPEN, PAUSED, state_word
from dialer.commands.top_screen import TopScreen
from dialer.config import Settings

SHOWN_TASKS = 200
MINUTES = 60
UP, DOWN, PAGE_UP, PAGE_DOWN = "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~"
_AS_SENT_IN_APPLICATION_MODE = {"\x1bOA": UP, "\x1bOB": DOWN}
_ORDER = {OPEN: 0, PAUSED: 1}
STEPS = {UP: -1, "k": -1, DOWN: 1, "j": 1, PAGE_UP: -10, PAGE_DOWN: 10}
PAUSES = {"p", "P", "з", "З"}
"""Also where the keyboard is a Russian one."""
QUITS = {"q", "Q", "й", "Й"}


@click.command()
@click.option("--once", is_flag=True, help="Show one screen and end, for scripts.")
@click.option("--interval", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="Seconds.")
@config_option
def top(once: bool, interval: float, config_file: Path) -> None:
    """Show live what is dialled: tasks, calls, rates, outcomes by the minute.

    Keys: arrows select a task, p pauses or resumes it, q quits. Without a terminal a screen is written every --interval
    seconds.
    """
    asyncio.run(_Top(settings_of(config_file)).run(once=once, interval_s=interval))


class _Top:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._screen = TopScreen()
        self._events: asyncio.Queue[str] = asyncio.Queue()

    async def run(self, *, once: bool, interval_s: float) -> None:
        async with daemon_of(self._settings) as daemon:
            if once or not is_terminal():
                await self._write(daemon, once, interval_s)
            else:
                await self._show(daemon, interval_s)

    async def _write(self, daemon: DaemonClient, once: bool, interval_s: float) -> None:
        self._screen.interactive = False
        out = console()
        while True:
            await self._look(daemon)
            out.print(self._screen.lines(out.width, None))
            if once:
                return
            out.print()
            out.file.flush()
            await asyncio.sleep(interval_s)

    async def _show(self, daemon: DaemonClient, interval_s: float) -> None:
        out, loop = console(), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._events.put_nowait, "")
        await self._look(daemon)
        with _keys_of_terminal(self._events), Live(console=out, screen=True, auto_refresh=False) as live:
            next_look_s = loop.time() + interval_s
            while True:
                live.update(self._screen.lines(*out.size), refresh=True)
                try:
                    async with asyncio.timeout_at(next_look_s):
                        key = await self._events.get()
                except TimeoutError:
                    await self._try_to_look(daemon)
                    next_look_s = loop.time() + interval_s
                    continue
                if key in QUITS:
                    return
                await self._obey(daemon, key)

    async def _obey(self, daemon: DaemonClient, key: str) -> None:
        if key in STEPS:
            self._screen.move(STEPS[key])
        elif key in PAUSES and (task := self._screen.selected) is not None:
            state = OPEN if task["state"] == PAUSED else PAUSED
            try:
                await daemon.data("PUT", f"/tasks/{task['id']}", base=CONSOLE_BASE, json={"state": state})
                self._screen.message = f"{task['id']}: {state_word(state)}"
            except click.ClickException as refused:
                self._screen.message = f"{task['id']}: {refused.message}"
            await self._try_to_look(daemon)

    async def _try_to_look(self, daemon: DaemonClient) -> None:
        """A daemon that is started anew is found again."""
        try:
            await self._look(daemon)
        except click.ClickException as error:
            self._screen.trouble = error.message

    async def _look(self, daemon: DaemonClient) -> None:
        screen = self._screen
        tasks = await daemon.data("GET", f"/tasks?limit={SHOWN_TASKS}", base=CONSOLE_BASE)
        screen.stats = await daemon.data("GET", f"/stats?minutes={MINUTES}", base=CONSOLE_BASE)
        screen.health = await daemon.health()
        selected = screen.selected
        screen.tasks = sorted(tasks, key=lambda task: _ORDER.get(task["state"], 2))  # the newest first in each
        screen.selected_id = None if selected is None else selected["id"]
        screen.now = datetime.now(ZoneInfo(self._settings.dialing.timezone))
        screen.trouble = ""


@contextmanager
def _keys_of_terminal(events: "asyncio.Queue[str]") -> Iterator[None]:
    """Keys go into the queue as they are pressed; the terminal is left as it was. Ctrl-C stays what it is."""
    if not sys.stdin.isatty():
        yield
        return
    terminal, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before, decoder = termios.tcgetattr(terminal), codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read() -> None:
        text = decoder.decode(os.read(terminal, 1024))
        if not text:
            loop.remove_reader(terminal)  # hung up
        for key in keys_in(text):
            events.put_nowait(key)

    tty.setcbreak(terminal)
    loop.add_reader(terminal, read)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def keys_in(text: str) -> Iterator[str]:
    """The keys that a terminal has sent, arrows as one key each."""
    known = (*STEPS, *_AS_SENT_IN_APPLICATION_MODE)
    while text:
        sequence = next((one for one in known if len(one) > 1 and text.startswith(one)), text[0])
        yield _AS_SENT_IN_APPLICATION_MODE.get(sequence, sequence)
        text = text[len(sequence) :]
