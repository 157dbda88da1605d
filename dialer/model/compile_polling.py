"""A MikoPBX polling as a call flow."""

import re
from collections.abc import Mapping

from dialer.model.flow import Ask, Connect, Finish, Flow, Keep, Prompt, Say, Step, StepName
from dialer.model.polling import Action, Polling, Press, Question

END = "end"
_PARAMETER = re.compile(r"<([^<>]{1,64})>")


def fill_text(text: str, params: Mapping[str, object] | None) -> str:
    """Replace `<name>` by that parameter; an unknown one is left out. Values of digits only are spoken one by one."""

    def value_of(match: re.Match[str]) -> str:
        value = str((params or {}).get(match.group(1), ""))
        return " ".join(value) if value.isdecimal() else value

    return _PARAMETER.sub(value_of, text)


def has_parameters(text: str) -> bool:
    """Whether the text is different for every number."""
    return _PARAMETER.search(text) is not None


def compile_polling(polling: Polling, params: Mapping[str, object] | None = None) -> Flow:
    """Compile the polling for one number. A polling without questions finishes at once."""
    return _Compiler(polling, params or {}).flow()


class _Compiler:
    def __init__(self, polling: Polling, params: Mapping[str, object]) -> None:
        self._questions = polling.questions
        self._params = params
        self._names = {question.question_id: f"question {question.question_id}" for question in polling.questions}
        self._start = self._names[polling.questions[0].question_id] if polling.questions else END
        self._steps: dict[StepName, Step] = {END: Finish()}

    def flow(self) -> Flow:
        for question in self._questions:
            self._compile_question(question)
        return Flow(self._start, self._steps)

    def _compile_question(self, question: Question) -> None:
        prompt = Prompt(fill_text(question.text, self._params), question.file, question.lang)
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
                if press.value_options == "file":
                    prompt = Prompt("", value, question.lang)
                else:
                    prompt = Prompt(fill_text(value, self._params), None, question.lang)
                self._steps[f"{name} say"] = Say(prompt, after)
                self._steps[name] = Keep(question.question_id, None, f"{name} say")
        return name

    def _goes_on(self, question_id: str | None) -> StepName:
        """An empty or unknown question id ends the polling."""
        return self._names.get(question_id or "", END)
