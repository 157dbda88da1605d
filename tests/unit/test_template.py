"""Templates of an auto-informer as scripts: what is said, asked and done, line by line, without a telephone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.dialogue import (
    CallEmployee,
    Ending,
    Listen,
    MarkGoal,
    Play,
    RecordAnswer,
    StoreAnswer,
    converse,
)
from dialer.model.compile_template import compile_template
from dialer.model.flow import Hunt, Prompt, Voice
from dialer.model.template import Action, Goal, MenuKey, OwnWords, Sound, Template

SILENCE = ""
NOBODY: tuple[str, ...] = ()
END = MenuKey("1", "закончить", Action.END)
REPEAT = MenuKey("2", "повторить", Action.REPEAT, repeats=2)
OPERATOR = MenuKey("0", "оператор", Action.OPERATOR, telephones=("201", "202"))
FULL = Template(
    greeting=Sound(text="hello"),
    information=Sound(text="news"),
    asks=True,
    menu=Sound(text="menu"),
    menu_repeats=1,
    keys=(END, REPEAT, OPERATOR),
    final=Sound(text="bye"),
    goal=Goal.DURATION,
)
PLAIN = replace(FULL, asks=False)


def play(
    template: Template,
    keys: Sequence[str] = (),
    *,
    own: OwnWords | None = None,
    amid: Mapping[str, str] | None = None,
    answering: Sequence[str] = NOBODY,
) -> list[str]:
    """Hold the dialogue with a subscriber who presses `keys`, one for each time that the menu is said, and `amid` a
    prompt what stands behind its text. `answering`: the operators who pick up."""
    conversation = converse(compile_template(template, own or OwnWords()))
    presses = iter(keys)
    script: list[str] = []
    reply = ""
    while True:
        try:
            command = conversation.send(reply) if reply else next(conversation)
        except StopIteration as stop:
            ending: Ending = stop.value
            assert ending.connect_to is None
            return [*script, "refused" if ending.refused else "end"]
        reply = ""
        match command:
            case Play(prompt, out):
                key = (amid or {}).get(_named(prompt), "")
                reply = key if key in out else ""
                script.append(f"say {_named(prompt)}")
            case Listen(prompt):
                reply = next(presses, SILENCE)
                script.append(f"ask {_named(prompt)}")
            case RecordAnswer(max_s):
                reply = "a.wav"
                script.append(f"record {max_s}")
            case StoreAnswer(question_id, result, pressed, mail_to):
                script.append(f"store {question_id}={result} ({pressed})" + (f" to {mail_to}" if mail_to else ""))
            case CallEmployee(telephone):
                reply = telephone if telephone in answering else ""
                script.append(f"call {telephone}")
            case MarkGoal():
                script.append("goal")
        assert len(script) < 50, "it never ends"


def _named(prompt: Prompt) -> str:
    return prompt.file or prompt.text


def hunts(template: Template, own: OwnWords | None = None, subscriber: str = "") -> list[Hunt]:
    flow = compile_template(template, own or OwnWords(), subscriber=subscriber)
    return [step for step in flow.steps.values() if isinstance(step, Hunt)]


def test_an_empty_template_ends_at_once() -> None:
    assert play(Template(goal=Goal.DURATION)) == ["end"]


def test_greeting_information_and_final_sound_are_said_one_after_the_other() -> None:
    assert play(PLAIN) == ["say hello", "say news", "say bye", "end"]


@pytest.mark.parametrize("place", ["greeting", "information", "final"])
def test_a_place_that_is_not_used_is_passed_over(place: str) -> None:
    said = {"greeting": "say hello", "information": "say news", "final": "say bye"}
    left = [line for name, line in said.items() if name != place]
    assert play(replace(PLAIN, **{place: None})) == [*left, "end"]  # type: ignore[arg-type]


def test_what_nobody_could_pronounce_is_passed_over() -> None:
    assert play(replace(PLAIN, information=Sound(text="…"))) == ["say hello", "say bye", "end"]


def test_a_message_is_recorded_after_the_information_and_mailed() -> None:
    recorded = replace(PLAIN, records_message=True, message_to="a@example.org,b@example.org")
    assert play(recorded) == [
        "say hello", "say news", "record 60", "store message=a.wav () to a@example.org,b@example.org", "say bye", "end",
    ]  # fmt: skip


def test_a_message_comes_before_the_menu() -> None:
    assert play(replace(FULL, records_message=True), ["1"]) == [
        "say hello", "say news", "record 60", "store message=a.wav ()", "ask menu", "store menu=1 (1)", "say bye",
        "end",
    ]  # fmt: skip


def test_a_key_that_ends_leads_to_the_final_sound() -> None:
    assert play(FULL, ["1"])[2:] == ["ask menu", "store menu=1 (1)", "say bye", "end"]


def test_the_menu_is_said_again_to_a_wrong_key_and_to_silence() -> None:
    twice = replace(FULL, menu_repeats=5)
    assert play(twice, ["9", SILENCE, "1"])[2:] == [
        "ask menu", "ask menu", "ask menu", "store menu=1 (1)", "say bye", "end",
    ]  # fmt: skip


@pytest.mark.parametrize("repeats", [0, 1, 3])
@pytest.mark.parametrize("key", [SILENCE, "9"])
def test_who_chooses_nothing_hears_the_menu_once_more_than_its_repeats(repeats: int, key: str) -> None:
    heard = play(replace(FULL, menu_repeats=repeats), [key] * 10)
    assert heard == ["say hello", "say news", *["ask menu"] * (repeats + 1), "say bye", "end"]


def test_a_key_that_repeats_says_the_information_so_often_and_leads_back_to_the_menu() -> None:
    assert play(FULL, ["2", "1"])[2:] == [
        "ask menu", "store menu=2 (2)", "say news", "say news", "ask menu", "store menu=1 (1)", "say bye", "end",
    ]  # fmt: skip


def test_after_a_repeated_information_the_menus_repeats_count_anew() -> None:
    heard = play(FULL, [SILENCE, "2", SILENCE, SILENCE, "1"])
    assert heard[2:] == [
        "ask menu", "ask menu", "store menu=2 (2)", "say news", "say news", "ask menu", "ask menu", "say bye", "end",
    ]  # fmt: skip


def test_a_key_that_repeats_nothing_leads_back_to_the_menu() -> None:
    for mute in (replace(FULL, information=None), replace(FULL, keys=(END, replace(REPEAT, repeats=0)))):
        assert play(mute, ["2", "1"])[-6:] == [
            "ask menu", "store menu=2 (2)", "ask menu", "store menu=1 (1)", "say bye", "end",
        ]  # fmt: skip


def test_a_menu_without_a_sound_waits_for_a_key_all_the_same() -> None:
    assert play(replace(FULL, menu=None), [SILENCE, "1"])[2:] == [
        "ask ", "ask ", "store menu=1 (1)", "say bye", "end",
    ]  # fmt: skip


@pytest.mark.parametrize("key", "0123456789*#")
def test_every_key_of_a_telephone_may_be_one_of_the_menu(key: str) -> None:
    assert f"store menu={key} ({key})" in play(replace(FULL, keys=(replace(END, key=key),)), [key])


def test_the_first_operator_is_busy_and_the_second_one_answers() -> None:
    assert play(FULL, ["0"], answering=["202"])[2:] == [
        "ask menu", "store menu=0 (0)", "call 201", "call 202", "say bye", "end",
    ]  # fmt: skip


def test_nobody_is_called_after_who_has_answered() -> None:
    assert "call 202" not in play(FULL, ["0"], answering=["201", "202"])


def test_when_no_operator_answers_the_final_sound_follows() -> None:
    assert play(FULL, ["0"])[2:] == ["ask menu", "store menu=0 (0)", "call 201", "call 202", "say bye", "end"]


def test_an_automatic_action_follows_the_information_where_nobody_is_asked() -> None:
    assert play(replace(PLAIN, automatic=OPERATOR), answering=["201"]) == [
        "say hello", "say news", "call 201", "say bye", "end",
    ]  # fmt: skip
    assert play(replace(PLAIN, automatic=REPEAT))[1:] == ["say news", "say news", "say news", "say bye", "end"]
    assert play(replace(PLAIN, automatic=END)) == play(PLAIN)


def test_with_a_menu_there_is_no_automatic_action() -> None:
    assert play(replace(FULL, automatic=OPERATOR), ["1"]) == play(FULL, ["1"])


def test_the_lists_own_operator_is_called_in_place_of_every_list() -> None:
    other = MenuKey("5", "another", Action.OPERATOR, telephones=("301", "302"))
    both = replace(FULL, keys=(OPERATOR, other))
    own = OwnWords(operator="79001112233")
    for key in "05":
        assert play(both, [key], own=own)[2:] == [
            "ask menu", f"store menu={key} ({key})", "call 79001112233", "say bye", "end",
        ]  # fmt: skip
    assert "call 79001112233" in play(replace(PLAIN, automatic=OPERATOR), own=own)


def test_an_operator_is_told_who_calls_when_the_template_wants_that() -> None:
    (hunt,) = hunts(replace(FULL, operators_ring_s=25, shows_subscriber=True), OwnWords(description="дог. 5"), "7952")
    assert (hunt.shown_number, hunt.about, hunt.ring_timeout_s) == ("7952", "дог. 5", 25)
    (hidden,) = hunts(FULL, OwnWords(), "7952")
    assert (hidden.shown_number, hidden.melody, hidden.reaches_goal) == ("", None, False)
    (played,) = hunts(replace(FULL, melody=Sound(file="m.mp3"), goal=Goal.OPERATOR))
    assert (played.melody, played.reaches_goal) == (Prompt(file="m.mp3"), True)


REFUSING = replace(FULL, refusing_key="9")
REFUSAL = ["store refusal=9 (9)", "refused"]


@pytest.mark.parametrize(
    ("amid", "said"), [("hello", ["say hello"]), ("news", ["say hello", "say news"])], ids=["greeting", "information"]
)
def test_the_refusing_key_cuts_a_sound_short_and_ends_the_call(amid: str, said: list[str]) -> None:
    assert play(REFUSING, amid={amid: "9"}) == [*said, *REFUSAL]


def test_the_refusing_key_is_one_of_the_menus() -> None:
    assert play(REFUSING, ["9"]) == ["say hello", "say news", "ask menu", *REFUSAL]
    assert play(REFUSING, [SILENCE, "9"])[2:] == ["ask menu", "ask menu", *REFUSAL]


def test_the_refusing_key_works_in_repeated_information_and_the_final_sound() -> None:
    assert play(REFUSING, ["2"], amid={"news": "9"}) == ["say hello", "say news", *REFUSAL]
    assert play(replace(REFUSING, asks=False), amid={"bye": "9"})[-3:] == ["say bye", *REFUSAL]


def test_no_other_key_cuts_a_sound_short() -> None:
    assert play(REFUSING, ["1"], amid={"hello": "1", "news": "8"}) == play(FULL, ["1"])
    assert play(FULL, ["1"], amid={"hello": "9"}) == play(FULL, ["1"])


GOALS = [
    (Goal.ANSWER, ["goal", "say hello", "say news", "ask menu", "store menu=0 (0)", "call 201"]),
    (Goal.DURATION, ["say hello", "say news", "ask menu", "store menu=0 (0)", "call 201"]),
    (Goal.INFORMATION, ["say hello", "say news", "goal", "ask menu", "store menu=0 (0)", "call 201"]),
    (Goal.KEY, ["say hello", "say news", "ask menu", "store menu=0 (0)", "goal", "call 201"]),
    (Goal.OPERATOR, ["say hello", "say news", "ask menu", "store menu=0 (0)", "call 201", "goal"]),
]


@pytest.mark.parametrize(("goal", "script"), GOALS, ids=[goal.name for goal, _ in GOALS])
def test_a_goal_is_marked_in_the_moment_that_it_is_reached(goal: Goal, script: list[str]) -> None:
    assert play(replace(FULL, goal=goal), ["0"], answering=["201"]) == [*script, "say bye", "end"]


def test_every_goal_has_its_case() -> None:
    assert [goal for goal, _ in GOALS] == list(Goal)


@pytest.mark.parametrize(
    ("goal", "keys", "amid"),
    [
        (Goal.INFORMATION, [], {"hello": "9"}),
        (Goal.INFORMATION, [], {"news": "9"}),
        (Goal.KEY, [], {}),
        (Goal.KEY, ["8", "8"], {}),
        (Goal.KEY, ["9"], {}),
        (Goal.OPERATOR, ["1"], {}),
        (Goal.OPERATOR, ["0"], {}),
        (Goal.DURATION, ["0"], {}),
    ],
)
def test_a_goal_that_is_not_reached_is_not_marked(goal: Goal, keys: list[str], amid: dict[str, str]) -> None:
    assert "goal" not in play(replace(REFUSING, goal=goal), keys, amid=amid)


@pytest.mark.parametrize("key", ["1", "2", "0"])
def test_any_key_of_the_menu_is_the_goal_whatever_it_does(key: str) -> None:
    heard = play(replace(FULL, goal=Goal.KEY), [key])
    assert heard[3:5] == [f"store menu={key} ({key})", "goal"]


def test_without_information_its_goal_is_reached_when_it_would_be_over() -> None:
    assert play(replace(PLAIN, information=None, goal=Goal.INFORMATION)) == ["say hello", "goal", "say bye", "end"]


def test_every_template_has_a_goal_of_its_own() -> None:
    for goal in Goal:
        assert compile_template(replace(FULL, goal=goal), OwnWords()).has_goal


def test_a_greeting_of_the_numbers_own_takes_the_place_of_the_templates() -> None:
    own = OwnWords(greeting=Sound(file="anna.mp3"))
    assert play(PLAIN, own=own)[0] == "say anna.mp3"
    assert play(replace(PLAIN, greeting=None), own=own)[0] == "say anna.mp3"
    assert play(PLAIN, own=OwnWords())[0] == "say hello"


@pytest.mark.parametrize(
    ("sounds_own", "templates", "lists", "heard"),
    [
        (Voice.ANY, Voice.ANY, Voice.MALE, Voice.ANY),
        (Voice.ANY, Voice.FEMALE, Voice.MALE, Voice.FEMALE),
        (Voice.ANY, None, Voice.MALE, Voice.MALE),
        (Voice.ANY, None, Voice.ANY, Voice.ANY),
        (Voice.MALE, Voice.FEMALE, Voice.ANY, Voice.MALE),
        (Voice.MALE, None, Voice.FEMALE, Voice.MALE),
    ],
)
def test_a_voice_is_the_sounds_own_or_the_templates_or_the_lists(
    sounds_own: Voice, templates: Voice | None, lists: Voice, heard: Voice
) -> None:
    sounds = {name: Sound(text=name, voice=sounds_own) for name in ("greeting", "information", "menu", "final")}
    subject = replace(FULL, voice=templates, **sounds)  # type: ignore[arg-type]
    spoken = list(compile_template(subject, OwnWords(voice=lists)).prompts())
    assert {prompt.voice for prompt in spoken} == {heard}
    assert {prompt.text for prompt in spoken} == set(sounds)


def test_prompts_contains_everything_that_may_be_played_in_the_order_of_the_call() -> None:
    everything = replace(REFUSING, records_message=True, melody=Sound(file="m.mp3"), goal=Goal.KEY)
    named = [_named(prompt) for prompt in compile_template(everything, OwnWords()).prompts()]
    assert named[:3] == ["hello", "news", "menu"]
    assert sorted(named[3:]) == ["bye", "m.mp3", "news", "news"]
    played = {sound.prompt() for sound in everything.sounds()}
    assert set(compile_template(everything, OwnWords()).prompts()) == played
    own = OwnWords(greeting=Sound(text="Анна"))
    assert Prompt("Анна") in compile_template(everything, own).prompts()


texts = st.text(max_size=20)
sounds = st.builds(Sound, texts, texts, st.sampled_from(Voice))
menu_keys = st.builds(
    MenuKey,
    st.sampled_from("0123456789*#"),
    texts,
    st.sampled_from(Action),
    st.integers(0, 9),
    st.lists(st.from_regex("[0-9]{3,11}", fullmatch=True), max_size=3).map(tuple),
)
templates = st.builds(
    Template,
    greeting=sounds | st.none(),
    greeting_from_list=st.booleans(),
    voice=st.sampled_from(Voice) | st.none(),
    information=sounds | st.none(),
    records_message=st.booleans(),
    message_to=texts,
    refusing_key=st.sampled_from(["", "9", "*"]),
    asks=st.booleans(),
    menu=sounds | st.none(),
    menu_repeats=st.integers(0, 9),
    keys=st.lists(menu_keys, max_size=12, unique_by=lambda one: one.key).map(tuple),
    automatic=menu_keys | st.none(),
    final=sounds | st.none(),
    melody=sounds | st.none(),
    goal=st.sampled_from(Goal),
    goal_s=st.integers(0, 999),
    operators_ring_s=st.integers(1, 120),
    shows_subscriber=st.booleans(),
    task_defaults=st.dictionaries(texts, texts | st.integers() | st.none(), max_size=3),
)
own_words = st.builds(
    OwnWords, texts, texts, texts, sounds | st.none(), st.sampled_from(Voice), st.sampled_from(["", "201"])
)


@given(templates)
def test_a_template_is_read_as_it_was_stored(template: Template) -> None:
    assert Template.from_json(json.loads(json.dumps(template.as_json()))) == template


@given(own_words)
def test_own_words_are_read_as_they_were_stored(own: OwnWords) -> None:
    assert OwnWords.from_params(json.loads(json.dumps(own.as_params()))) == own


def test_who_has_no_words_of_its_own_costs_nothing() -> None:
    assert OwnWords().as_params() is None
    assert OwnWords.from_params(None) == OwnWords()


@given(templates, own_words, st.lists(st.sampled_from(["", *"0123456789*#"]), max_size=8))
def test_every_template_comes_to_an_end_and_plays_nothing_but_its_prompts(
    template: Template, own: OwnWords, keys: list[str]
) -> None:
    flow = compile_template(template, own, subscriber="79522233446")
    known = set(flow.prompts())
    conversation = converse(flow)
    presses, ended = iter(keys), False
    reply = ""
    for _ in range(2000):
        try:
            command = conversation.send(reply) if reply else next(conversation)
        except StopIteration:
            ended = True
            break
        reply = ""
        match command:
            case Play(prompt):
                assert prompt in known
            case Listen(prompt):
                assert prompt.silent or prompt in known
                reply = next(presses, SILENCE)
            case RecordAnswer():
                reply = "a.wav"
            case CallEmployee(_, hunt) if hunt.melody is not None:
                assert hunt.melody.silent or hunt.melody in known
    assert ended
