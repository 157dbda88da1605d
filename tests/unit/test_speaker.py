"""The speaker: what a flow makes Asterisk do, verb by verb, and what becomes of it when the subscriber leaves."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agi.dialogue import Speaker
from agi.session import HungUpError, UnplayableError
from dialer.model.compile_template import compile_template
from dialer.model.flow import Finish, Flow, Hunt, Prompt, PromptError, Step
from dialer.model.progress import Progress
from dialer.model.template import Action, Goal, MenuKey, OwnWords, Sound, Template

LIMIT_S = 120
NO_ANSWER = ("NOANSWER", "19")
ANSWERED = ("ANSWER", "16")
KEY = Template(
    asks=True,
    menu=Sound(text="menu"),
    keys=(MenuKey("1", "", Action.END), MenuKey("0", "", Action.OPERATOR, telephones=("201", "202"))),
    final=Sound(text="bye"),
    goal=Goal.KEY,
)


class Session:
    """Verbs as a log. `leaves_at`: the verb that finds the subscriber gone."""

    def __init__(self, presses: list[str], dials: list[tuple[str, str]], leaves_at: str = "") -> None:
        self.log: list[str] = []
        self._presses = iter(presses)
        self._dials = iter(dials)
        self._leaves_at = leaves_at

    def _verb(self, said: str) -> None:
        self.log.append(said)
        if said == self._leaves_at:
            raise HungUpError(said)

    async def play(self, path: str, escape_keys: str = "") -> str:
        self._verb(f"play {Path(path).name}")
        return next(self._presses, "") if escape_keys else ""

    async def ask(self, path: str, timeout_s: float) -> str:
        self._verb(f"ask {Path(path).name}")
        return next(self._presses, "")

    async def wait_for_key(self, timeout_s: float) -> str:
        self._verb("wait")
        return ""

    async def hang_up_after(self, limit_s: int) -> None:
        self._verb(f"limit {limit_s}")

    async def set_variable(self, name: str, value: str) -> None:
        self._verb(f"{name}={value}")

    async def record_talk(self) -> None:
        self._verb("record talk")

    async def dial(
        self, telephone: str, ring_timeout_s: int, attempt_id: int, melody: str = "", *, is_goal: bool = False
    ) -> tuple[str, str]:
        self._verb(f"dial {telephone} {ring_timeout_s} {attempt_id} {melody}".rstrip())
        return next(self._dials)


class Book:
    """Where news goes, in the session's log."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.told: list[tuple[Progress, dict[str, str]]] = []

    async def keep_answer(
        self, attempt_id: int, question_id: str, result: str, keys: str, *, mail_to: str = "", refuses: bool = False
    ) -> bool:
        self._log.append(f"keep {question_id}={result}")
        return True

    def reached_goal(self, attempt_id: int) -> None:
        self._log.append("goal")

    def tell_progress(self, attempt_id: int, progress: Progress, **details: str) -> None:
        self.told.append((progress, details))


class Sounds:
    async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
        return Path(f"/sounds/{prompt.text}.wav")

    async def melody(self, prompt: Prompt) -> str:
        if prompt.file == "broken.mp3":
            raise PromptError("broken")
        return "autodialer-0f"

    def tone(self) -> Path:
        return Path("/sounds/tone.wav")


class Call:
    """One dialogue held."""

    def __init__(self, presses: list[str] | None = None, *dials: tuple[str, str], leaves_at: str = "") -> None:
        self._session = Session(presses or [], list(dials), leaves_at)
        self._book = Book(self._session.log)
        self.log = self._session.log
        self.told = self._book.told

    async def hold(self, flow: Flow) -> str:
        session: Any = self._session
        return await Speaker(Sounds(), self._book, Path("/rec"), LIMIT_S).hold(session, 17, flow)


def flow_of(template: Template) -> Flow:
    return compile_template(template, OwnWords())


def hunt(*telephones: str, **more: Any) -> Flow:
    steps: dict[str, Step] = {"hunt": Hunt(telephones, 25, "end", "end", **more), "end": Finish()}
    return Flow("hunt", steps, has_goal="reaches_goal" in more)


async def test_an_employee_who_answers_ends_the_hunt() -> None:
    call = Call([], NO_ANSWER, ANSWERED)
    assert await call.hold(hunt("201", "202", "203")) == "finished"
    assert call.log == [
        "limit 0", "record talk", "AUTODIALER_EMPLOYEE=201", "_AUTODIALER_SHOWN=", "dial 201 25 17", "limit 120",
        "limit 0", "record talk", "AUTODIALER_EMPLOYEE=202", "_AUTODIALER_SHOWN=", "dial 202 25 17", "limit 120",
    ]  # fmt: skip
    assert call.told == [
        (Progress.REDIRECTED, {"telephone": "201", "about": ""}),
        (Progress.EMPLOYEE_UNANSWERED, {"telephone": "201", "cause": "19"}),
        (Progress.REDIRECTED, {"telephone": "202", "about": ""}),
    ]


async def test_an_employee_is_shown_and_told_who_calls() -> None:
    call = Call([], ANSWERED)
    await call.hold(hunt("201", shown_number="79522233446", about="договор 5"))
    assert "_AUTODIALER_SHOWN=79522233446" in call.log
    assert call.told == [(Progress.REDIRECTED, {"telephone": "201", "about": "договор 5"})]


async def test_a_melody_is_heard_while_an_employee_is_rung_or_else_the_ringing_tone() -> None:
    for file, played in (("m.mp3", "dial 201 25 17 autodialer-0f"), ("broken.mp3", "dial 201 25 17")):
        call = Call([], ANSWERED)
        await call.hold(hunt("201", melody=Prompt(file=file)))
        assert played in call.log
    call = Call([], ANSWERED)
    await call.hold(hunt("201", melody=Prompt()))
    assert "dial 201 25 17" in call.log


async def test_an_employee_that_is_the_goal_is_marked_while_hunted_and_when_reached() -> None:
    call = Call([], NO_ANSWER, ANSWERED)
    assert await call.hold(hunt("201", "202", reaches_goal=True)) == "finished"
    marks = [line for line in call.log if line.startswith(("AUTODIALER_DIALOGUE", "dial", "goal"))]
    assert marks == [
        "AUTODIALER_DIALOGUE=hunting", "dial 201 25 17", "AUTODIALER_DIALOGUE=",
        "AUTODIALER_DIALOGUE=hunting", "dial 202 25 17", "goal", "AUTODIALER_DIALOGUE=finished",
    ]  # fmt: skip


async def test_a_hunt_that_finds_nobody_has_missed_its_goal() -> None:
    call = Call([], NO_ANSWER)
    assert await call.hold(hunt("201", reaches_goal=True)) == "missed"
    assert "goal" not in call.log
    assert call.log[-2:] == ["AUTODIALER_DIALOGUE=", "limit 120"]


async def test_who_hangs_up_amid_the_talk_leaves_the_mark_that_tells_of_it() -> None:
    call = Call([], ANSWERED, leaves_at="dial 201 25 17")
    with pytest.raises(HungUpError):
        await call.hold(hunt("201", reaches_goal=True))
    assert [line for line in call.log if line.startswith("AUTODIALER_DIALOGUE")] == ["AUTODIALER_DIALOGUE=hunting"]


async def test_every_key_is_told_a_wrong_one_too() -> None:
    call = Call(["9", "1"])
    await call.hold(flow_of(Template(asks=True, menu=Sound(text="menu"), menu_repeats=3, keys=KEY.keys)))
    assert call.told == [(Progress.KEY, {"key": "9"}), (Progress.KEY, {"key": "1"})]


async def test_a_key_that_was_the_goal_counts_also_when_the_subscriber_leaves_right_after_it() -> None:
    call = Call(["1"], leaves_at="AUTODIALER_DIALOGUE=finished")
    with pytest.raises(HungUpError):
        await call.hold(flow_of(KEY))
    assert call.log == ["ask menu", "keep menu=1", "goal", "AUTODIALER_DIALOGUE=finished"]


async def test_a_prompt_that_is_never_made_ends_the_dialogue_in_time() -> None:
    class Endless(Sounds):
        async def fetch(self, prompt: Prompt, patience_s: float | None = None) -> Path:
            await asyncio.Event().wait()
            raise AssertionError

    session: Any = Session([], [])
    with pytest.raises(UnplayableError, match="not made within 0 s"):
        await Speaker(Endless(), Book([]), Path("/rec"), 0).hold(session, 17, flow_of(KEY))


async def test_a_goal_that_is_reached_is_durable_before_what_follows_is_said() -> None:
    call = Call(["1"])
    assert await call.hold(flow_of(KEY)) == "finished"
    assert call.log == [
        "ask menu", "keep menu=1", "goal", "AUTODIALER_DIALOGUE=finished", "play bye",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "presses", "told"),
    [
        (KEY, [], "missed"),
        (Template(goal=Goal.ANSWER), [], "finished"),
        (Template(goal=Goal.DURATION), [], "missed"),
        (Template(goal=Goal.KEY, asks=True, menu=Sound(text="menu"), refusing_key="9"), ["9"], "refused"),
        (Template(goal=Goal.ANSWER, asks=True, menu=Sound(text="menu"), refusing_key="9"), ["9"], "finished"),
    ],
    ids=["no key", "answered", "a duration", "refused", "refused after the goal"],
)
async def test_what_a_dialogue_came_to_is_said_in_one_word(template: Template, presses: list[str], told: str) -> None:
    assert await Call(presses).hold(flow_of(template)) == told


async def test_a_flow_without_a_goal_is_finished_by_its_end() -> None:
    assert await Call().hold(Flow("end", {"end": Finish()})) == "finished"
