"""A MikoPBX polling as a call flow."""

from collections.abc import Mapping

from dialer.model.flow import Ask, Connect, Finish, Flow, Keep, Prompt, Record, Say, Step, StepName
from dialer.model.polling import Action, Polling, Press, Question
from dialer.model.texts import fill_text

END = "end"
Source = Mapping[str, object] | None


def compile_polling(polling: Polling, *sources: Source) -> Flow:
    """Compile the polling for one number, its `<name>` filled from the first source that has it. A polling without
    questions finishes at once."""
    return _Compiler(polling, sources).flow()


def prompt_of_question(question: Question, *sources: Source) -> Prompt:
    return Prompt(fill_text(question.text, *sources), question.file, question.lang)


def prompt_of_press(question: Question, press: Press, *sources: Source) -> Prompt:
    """What a key plays: nothing but silence where it has nothing to play."""
    if press.plays_file:
        return Prompt("", press.value, question.lang)
    return Prompt(fill_text(press.value or "", *sources), None, question.lang)


class _Compiler:
    def __init__(self, polling: Polling, sources: tuple[Source, ...]) -> None:
        self._questions = polling.questions
        self._sources = sources
        self._names = {question.question_id: f"question {question.question_id}" for question in polling.questions}
        self._start = self._names[polling.questions[0].question_id] if polling.questions else END
        self._steps: dict[StepName, Step] = {END: Finish()}

    def flow(self) -> Flow:
        for question in self._questions:
            self._compile_question(question)
        return Flow(self._start, self._steps)

    def _compile_question(self, question: Question) -> None:
        prompt = prompt_of_question(question, *self._sources)
        answers = {press.key: self._compile_press(question, press) for press in question.press}
        self._steps[self._names[question.question_id]] = (
            Ask(prompt, answers, question.timeout_s, question.def_press)
            if answers
            else Say(prompt, self._goes_on(question.next_question))  # nothing to press: an announcement
        )

    def _compile_press(self, question: Question, press: Press) -> StepName:
        """Add the steps of one key and return the name of the first of them."""
        name = f"{self._names[question.question_id]} key {press.key}"
        after = self._goes_on(press.next_question or question.next_question)
        value = press.value or ""
        match press.action:
            case Action.NOTHING:
                return after
            case Action.RESTART:
                return self._start
            case Action.ANSWER:
                self._steps[name] = Keep(question.question_id, value or None, after)
            case Action.DIAL:
                self._steps[f"{name} connect"] = Connect(value)
                self._steps[name] = Keep(question.question_id, value, f"{name} connect")
            case Action.PLAYBACK:
                self._steps[f"{name} say"] = Say(prompt_of_press(question, press, *self._sources), after)
                self._steps[name] = Keep(question.question_id, None, f"{name} say")
            case Action.PLAYBACK_RECORD:
                self._steps[f"{name} record"] = Record(question.question_id, press.record_s, after)
                self._steps[name] = Say(prompt_of_press(question, press, *self._sources), f"{name} record")
        return name

    def _goes_on(self, question_id: str | None) -> StepName:
        """An empty or unknown question id ends the polling."""
        return self._names.get(question_id or "", END)
