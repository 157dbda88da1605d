"""Dialogues as scripts: what is said and asked, line by line, without a telephone."""

from collections.abc import Sequence

import pytest

from agi.dialogue import Ending, EndlessFlowError, Listen, Play, RecordAnswer, StoreAnswer, converse
from dialer.model.compile_polling import compile_polling
from dialer.model.flow import Prompt
from dialer.model.polling import Action, Polling, Press, Question

SILENCE = ""


def polling(*questions: Question) -> Polling:
    return Polling(1, "1", "test", questions)


def play(subject: Polling, keys: Sequence[str], params: dict[str, object] | None = None) -> list[str]:
    """Hold the dialogue with a subscriber who presses these keys, one per question asked."""
    conversation = converse(compile_polling(subject, params))
    presses = iter(keys)
    script: list[str] = []
    reply = ""
    while True:
        try:
            command = conversation.send(reply) if script and reply else next(conversation)
        except StopIteration as stop:
            ending: Ending = stop.value
            script.append("end" if ending.connect_to is None else f"connect {ending.connect_to}")
            return script
        reply = ""
        match command:
            case Play(prompt):
                script.append(f"say {prompt.file or prompt.text}")
                if len(script) > 20:
                    return script
            case Listen(prompt):
                script.append(f"ask {prompt.file or prompt.text}")
                reply = next(presses, None) or SILENCE
                if reply == SILENCE and len(script) > 20:
                    return [*script, "never ends"]
            case RecordAnswer(max_s):
                script.append(f"record {max_s}")
                reply = next(presses)
            case StoreAnswer(question_id, result, pressed):
                script.append(f"store {question_id}={result} ({pressed})")


def test_answers_lead_from_question_to_question() -> None:
    subject = polling(
        Question("1", "first?", press=(Press("1", Action.ANSWER, "yes", None, "2"),)),
        Question("2", "second?", press=(Press("3", Action.PLAYBACK, "thanks", "text"),)),
    )
    assert play(subject, ["1", "3"]) == [
        "ask first?", "store 1=yes (1)", "ask second?", "store 2=3 (3)", "say thanks", "end",
    ]  # fmt: skip


def test_no_key_and_wrong_key_ask_again() -> None:
    subject = polling(Question("1", "yes?", press=(Press("1", Action.ANSWER, ""),)))
    assert play(subject, ["", "9", "1"]) == ["ask yes?", "ask yes?", "ask yes?", "store 1=1 (1)", "end"]


def test_def_press_is_assumed_for_no_key() -> None:
    subject = polling(Question("1", "yes?", def_press="1", press=(Press("1", Action.ANSWER, "assumed"),)))
    assert play(subject, [""]) == ["ask yes?", "store 1=assumed (1)", "end"]


def test_a_keys_own_next_question_wins_over_the_questions() -> None:
    subject = polling(
        Question("1", "one?", next_question="2", press=(Press("1"), Press("2", next_question="3"))),
        Question("2", "two?", press=(Press("1"),)),
        Question("3", "three?", press=(Press("1"),)),
    )
    assert play(subject, ["1", "1"]) == ["ask one?", "ask two?", "end"]
    assert play(subject, ["2", "1"]) == ["ask one?", "ask three?", "end"]


@pytest.mark.parametrize("unknown", [None, "", "77"])
def test_an_empty_or_unknown_next_question_ends_the_polling(unknown: str | None) -> None:
    assert play(polling(Question("1", "one?", press=(Press("1", next_question=unknown),))), ["1"]) == [
        "ask one?",
        "end",
    ]


def test_dial_stores_finishes_and_connects() -> None:
    subject = polling(Question("1", "operator?", press=(Press("0", Action.DIAL, "201"),)))
    assert play(subject, ["0"]) == ["ask operator?", "store 1=201 (0)", "connect 201"]


def test_restart_begins_again() -> None:
    subject = polling(
        Question("1", "one?", press=(Press("1", next_question="2"),)),
        Question("2", "two?", press=(Press("*", Action.RESTART), Press("1"))),
    )
    assert play(subject, ["1", "*", "1", "1"]) == ["ask one?", "ask two?", "ask one?", "ask two?", "end"]


def test_a_question_without_keys_is_an_announcement() -> None:
    subject = polling(Question("1", "hello", next_question="2"), Question("2", "ok?", press=(Press("1"),)))
    assert play(subject, ["1"]) == ["say hello", "ask ok?", "end"]


def test_files_are_played_instead_of_texts() -> None:
    subject = polling(Question("1", "unused", "/snd/q.wav", press=(Press("1", Action.PLAYBACK, "/snd/a.wav", "file"),)))
    assert play(subject, ["1"]) == ["ask /snd/q.wav", "store 1=1 (1)", "say /snd/a.wav", "end"]


def test_a_polling_without_questions_ends_at_once() -> None:
    assert play(polling(), []) == ["end"]


def test_a_file_carries_its_text_for_when_it_cannot_be_played() -> None:
    flow = compile_polling(polling(Question("1", "<NAME>?", "q.mp3", press=(Press("1"),))), {"NAME": "Анна"})
    assert list(flow.prompts()) == [Prompt("Анна?", "q.mp3")]


def test_a_recorded_answer_is_stored_by_its_name() -> None:
    subject = polling(
        Question("1", "one?", next_question="2", press=(Press("1", Action.PLAYBACK_RECORD, "speak", "30"),)),
        Question("2", "bye"),
    )
    assert play(subject, ["1", "answer.wav"]) == [
        "ask one?", "say speak", "record 30", "store 1=answer.wav (1)", "say bye", "end",
    ]  # fmt: skip


def test_a_recording_may_begin_with_the_tone_alone() -> None:
    subject = polling(Question("1", "one?", press=(Press("1", Action.PLAYBACK_RECORD),)))
    assert play(subject, ["1", "a.wav"]) == ["ask one?", "record 60", "store 1=a.wav (1)", "end"]


def test_prompts_come_in_the_order_of_the_call() -> None:
    subject = polling(
        Question("1", "one?", press=(Press("1", Action.PLAYBACK, "thanks", None, "3"), Press("2", next_question="2"))),
        Question("2", "two?", press=(Press("1", Action.RESTART),)),
        Question("3", "three?", press=(Press("1", Action.PLAYBACK_RECORD, "speak"),)),
        Question("4", "never asked"),
    )
    spoken = [prompt.text for prompt in compile_polling(subject).prompts()]
    assert spoken == ["one?", "thanks", "two?", "three?", "speak"]


def test_what_nobody_could_pronounce_is_passed_over() -> None:
    subject = polling(Question("1", "<A>", next_question="2"), Question("2", "two?", press=(Press("1"),)))
    for mute in ("", "—", "...", "«»"):
        assert play(subject, ["1"], {"A": mute}) == ["ask two?", "end"]


def test_a_circle_without_a_word_is_an_error_and_no_endless_loop() -> None:
    subject = polling(Question("1", "<NAME>", next_question="2"), Question("2", "<OTHER>", next_question="1"))
    with pytest.raises(EndlessFlowError):
        play(subject, [])
    assert play(subject, [], {"NAME": "x"})[0] == "say x"
