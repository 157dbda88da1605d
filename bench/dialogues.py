"""Pollings of the bench: what the subscribers hear and press, and who keeps so many of them in progress."""

import asyncio
import math
import os
import struct
import wave
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.first_prompt import PromptClock
from bench.machine import take_precedence
from bench.rig import SCENARIOS, Line, cpu_s, running_line
from bench.sink import Heard, Sink
from tests.rig.daemon import Dialer
from tests.rig.sipp import SippEvent

QUESTION_S, THANKS_S = 8.0, 3.0
POLLING = "bench"
QUESTIONS = 4
"""As many keys are pressed by scenarios/respondents.xml, 31 s in all; a dialogue takes 34 s."""
ENDS_S = 10.0
"""After its last key a dialogue has come to its end, though everything be late: the thanks, and some."""
PHONE_DIGITS = 10
LOOK_S = 0.02
LATE_MS = 40.0
"""After the packet before, of two that belong together; they are sent every 20 ms."""
PAUSE_MS = 450.0
"""A longer gap is a subscriber who thinks: the shortest of those that the scenario makes is 500 ms."""


@dataclass(frozen=True)
class Respondents:
    """Asterisk, its provider, the sounds, and where they are heard."""

    line: Line
    sink: Sink
    sounds: Path

    def in_progress(self) -> int:
        """Calls whose call file is in the spool still."""
        return len(os.listdir(self.line.pbx.spool_dir))  # noqa: PTH208 - of hundreds of names, often


@asynccontextmanager
async def running_respondents(folder: Path) -> AsyncIterator[Respondents]:
    """Until the block is left."""
    take_precedence(os.getpid())
    sink = Sink()
    scenario = folder / "respondents.xml"
    scenario.write_text((SCENARIOS / scenario.name).read_text().replace("@SINK_PORT@", str(sink.port)))
    try:
        async with running_line(folder, str(scenario)) as line:
            for pid in (line.pbx.pid, line.provider.pid):  # each has a session of its own
                take_precedence(pid)
            sounds = line.pbx.workdir / "sounds"  # Asterisk sees no folder but its own
            sounds.mkdir()
            _write_tone(sounds / "question.wav", QUESTION_S)
            _write_tone(sounds / "thanks.wav", THANKS_S)
            await line.pbx.rx("module load res_pjsip_dtmf_info.so")
            yield Respondents(line, sink, sounds)
    finally:
        sink.close()
        take_precedence(os.getpid(), 0)


def _write_tone(file: Path, length_s: float) -> None:
    samples = (int(8000 * math.sin(place / 3)) for place in range(round(8000 * length_s)))
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


@dataclass(frozen=True)
class Kept:
    """What became of the dialogues in which the subscriber has pressed every key."""

    pressed: int
    lost: int
    """Of those: without all answers, or never finished: one whose key is lost asks on for ever."""


def kept_answers(events: Iterable[SippEvent], task: Mapping[str, Any], cuts: Sequence[tuple[float, float]]) -> Kept:
    """Compare the provider's log with the task; `cuts`: from when to when the bench hung up everything itself, Unix
    time. Whoever pressed the last key just before was not to finish."""
    times = defaultdict[str, list[float]](list)
    for event in events:
        if event.what == "PRESSED":
            times[event.number].append(event.time_s)
    pressed = {
        number[-PHONE_DIGITS:]
        for number, at_s in times.items()
        if len(at_s) == QUESTIONS and not any(began_s - ENDS_S <= max(at_s) <= ended_s for began_s, ended_s in cuts)
    }
    answers = Counter(answer["phone"][-PHONE_DIGITS:] for answer in task["resultsPoling"])
    finished = {
        row["phone"][-PHONE_DIGITS:]
        for row in task["results"]
        if row["result"] == "SUCCESS_POLLING" and answers[row["phone"][-PHONE_DIGITS:]] == QUESTIONS
    }
    return Kept(len(pressed), len(pressed - finished))


class Alone:
    """Asterisk alone: call files, and [bare-polling] of etc/extensions.conf."""

    def __init__(self, respondents: Respondents) -> None:
        self._respondents = respondents
        self._pbx = respondents.line.pbx
        self._sounds = respondents.sounds
        self._wanted = 0
        self._made = 0

    async def keep(self, wanted: int) -> None:
        """Have so many dialogues in progress from now on."""
        self._wanted = wanted

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for _ in range(self._wanted - self._respondents.in_progress()):
                self._call()
            await asyncio.sleep(LOOK_S)

    def _call(self) -> None:
        self._made += 1
        file = self._pbx.spool_dir.parent / "tmp" / f"alone-{self._made}.call"
        file.write_text(
            f"Channel: Local/7952{self._made:07d}@bare/n\nContext: bare-polling\nExtension: s\nPriority: 1\n"
            "WaitTime: 45\nMaxRetries: 0\nRetryTime: 86400\nArchive: no\n"
            f"Setvar: QUESTION={self._sounds}/question\nSetvar: THANKS={self._sounds}/thanks\n"
        )
        file.rename(self._pbx.spool_dir / file.name)


class Campaign:
    """The daemon: one polling, one task, whose channels are as many as wanted."""

    def __init__(self, dialer: Dialer, respondents: Respondents) -> None:
        self.dialer = dialer
        self._sounds = respondents.sounds
        self._task_id = ""
        self._wanted = 0

    async def begin(self, numbers: int) -> None:
        """Post the polling, and the task, paused."""
        questions = [
            {
                "questionId": str(place),
                "questionFile": str(self._sounds / "question.wav"),
                "press": [{"key": str(key), "action": "answer"} for key in range(1, 6)],
                "nextQuestion": str(place + 1),
            }
            for place in range(1, QUESTIONS + 1)
        ]
        questions.append({"questionId": str(QUESTIONS + 1), "questionFile": str(self._sounds / "thanks.wav")})
        await self.dialer.data("POST", "/polling", {"crmId": POLLING, "name": POLLING, "questions": questions})
        body = {
            "crmId": POLLING,
            "name": POLLING,
            "state": 2,
            "innerNum": POLLING,
            "innerNumType": "polling",
            "numbers": [f"7952{place:07d}" for place in range(numbers)],
        }
        self._task_id = str((await self.dialer.data("POST", "/task", body))["id"])

    async def keep(self, wanted: int) -> None:
        """Have so many dialogues in progress from now on."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        await self.dialer.data("PUT", f"/task/{self._task_id}", {"state": 0, "maxCountChannels": wanted})

    async def task(self) -> dict[str, Any]:
        """With its results and answers."""
        return dict(await self.dialer.data("GET", f"/task/{self._task_id}"))


@dataclass(frozen=True)
class Look:
    """What was seen from one look to the next. `cores`: processors that each was given, by its name."""

    until_s: float
    at_once: int
    gap_p99_ms: float
    late: float
    """Share of the packets that were."""
    packets_per_s: float
    cores: dict[str, float]
    next_prompt_p99_ms: float = 0.0
    """After a key, or silence; 0 without a clock."""

    @property
    def strangers(self) -> float:
        """Processors that programs took that have nothing to do with us, and the kernel for nobody in particular."""
        return self.cores["all"] - sum(cores for name, cores in self.cores.items() if name != "all")


class Watcher:
    """Looks every now and then at what is heard and what it costs."""

    def __init__(self, respondents: Respondents, pids: dict[str, int], clock: PromptClock | None = None) -> None:
        self._respondents = respondents
        self._clock = clock
        self._pids = {"asterisk": respondents.line.pbx.pid, "sipp": respondents.line.provider.pid, **pids}
        self._heard = len(respondents.sink.heard)
        self._last: dict[int, Heard] = {}
        self._before = self._count()
        self._began_s = self._at_s = asyncio.get_running_loop().time()

    def look(self) -> Look:
        """From the last look to now."""
        now_s = asyncio.get_running_loop().time()
        packets, cpu = before = self._count()
        took_s = now_s - self._at_s
        gaps_ms = sorted(self._gaps_ms())
        nexts_s = sorted(self._clock.take_next()) if self._clock is not None else []
        seen = Look(
            now_s - self._began_s,
            self._respondents.in_progress(),
            gaps_ms[int(len(gaps_ms) * 0.99)] if gaps_ms else 0.0,
            sum(gap > LATE_MS for gap in gaps_ms) / max(1, len(gaps_ms)),
            (packets - self._before[0]) / took_s,
            {name: (used - self._before[1].get(name, 0.0)) / took_s for name, used in cpu.items()},
            1000 * nexts_s[int(len(nexts_s) * 0.99)] if nexts_s else 0.0,
        )
        self._at_s, self._before = now_s, before
        return seen

    def _gaps_ms(self) -> list[float]:
        heard = self._respondents.sink.heard
        new, self._heard = heard[self._heard : len(heard)], len(heard)
        gaps = []
        for packet in new:
            before = self._last.get(packet.ssrc)
            if before is not None and (gap_ms := (packet.at_s - before.at_s) * 1000) < PAUSE_MS:
                gaps.append(gap_ms)
            if packet.is_sampled:
                self._last[packet.ssrc] = packet
        return gaps

    def _count(self) -> tuple[int, dict[str, float]]:
        used = {name: cpu_s(pid) for name, pid in self._pids.items()}
        used["all"] = _all_cpu_s()
        used["bench"] = sum(os.times()[:2])
        return self._respondents.sink.packets, used


def _all_cpu_s() -> float:
    """What everybody on this machine has used of its processors, also who has nothing to do with us (proc(5))."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / 100
