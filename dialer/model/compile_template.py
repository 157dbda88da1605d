"""A template of an auto-informer as a call flow.

    greeting - information - message of the subscriber - menu or automatic action - final sound

The goal is reached where it is reached (`Reach`), so that whoever hangs up a moment later has been a success.
"""

from dataclasses import replace

from dialer.model.flow import Ask, Finish, Flow, Hunt, Keep, Prompt, Reach, Record, Say, Step, StepName, Voice
from dialer.model.template import MENU_TIMEOUT_S, MESSAGE_S, Action, Goal, MenuKey, OwnWords, Sound, Template

KEY_QUESTION = "menu"
"""`question_id` of the menu's key among the answers …"""
MESSAGE_QUESTION = "message"
"""… of the recorded message …"""
REFUSAL_QUESTION = "refusal"
"""… and of the key that refuses."""
_END, _FINAL, _REFUSED, _REFUSE, _MENU = "end", "final", "refused", "refuse", "menu"


def compile_template(template: Template, own: OwnWords, *, subscriber: str = "") -> Flow:
    """Compile the template for one number. `subscriber`: its telephone, as operators are to see it."""
    return _Compiler(template, own, subscriber).flow()


class _Compiler:
    """Builds from the end of the call to its beginning: each part is given the name of what follows it."""

    def __init__(self, template: Template, own: OwnWords, subscriber: str) -> None:
        self._template = template
        self._own = own
        self._shown = subscriber if template.shows_subscriber else ""
        self._steps: dict[StepName, Step] = {_END: Finish()}
        self._interrupts: dict[str, StepName] = {}

    def flow(self) -> Flow:
        template = self._template
        if template.refusing_key:
            self._steps[_REFUSED] = Finish(refused=True)
            self._steps[_REFUSE] = Keep(REFUSAL_QUESTION, template.refusing_key, _REFUSED, refuses=True)
            self._interrupts = {template.refusing_key: _REFUSE}
        end = self._say(_FINAL, template.final, _END)
        after = self._menu(end) if template.asks else self._automatic(end)
        after = self._message(after)
        after = self._reached(Goal.INFORMATION, after)
        after = self._say("information", template.information, after)
        after = self._say("greeting", self._own.greeting or template.greeting, after)
        start = self._reached(Goal.ANSWER, after)
        return Flow(start, self._steps, has_goal=True, ends_by_itself=True)

    def _prompt(self, sound: Sound) -> Prompt:
        prompt = sound.prompt()
        if prompt.voice is not Voice.ANY:
            return prompt
        return replace(prompt, voice=self._own.voice if self._template.voice is None else self._template.voice)

    def _say(self, name: StepName, sound: Sound | None, then: StepName) -> StepName:
        if sound is None:
            return then
        self._steps[name] = Say(self._prompt(sound), then, self._interrupts)
        return name

    def _reached(self, goal: Goal, then: StepName) -> StepName:
        if self._template.goal is not goal:
            return then
        name = f"reached before {then}"
        self._steps[name] = Reach(then)
        return name

    def _message(self, then: StepName) -> StepName:
        if not self._template.records_message:
            return then
        self._steps["message"] = Record(MESSAGE_QUESTION, MESSAGE_S, then, self._template.message_to)
        return "message"

    def _automatic(self, end: StepName) -> StepName:
        action = self._template.automatic
        return end if action is None else self._act("automatic", action, end, end)

    def _menu(self, end: StepName) -> StepName:
        """A key that repeats the information leads back to the menu; any other one to the end."""
        template = self._template
        answers = dict(self._interrupts)
        for key in template.keys:
            after = self._act(f"key {key.key}", key, _MENU, end)
            name = f"pressed {key.key}"
            self._steps[name] = Keep(KEY_QUESTION, None, self._reached(Goal.KEY, after))
            answers[key.key] = name
        prompt = Prompt() if template.menu is None else self._prompt(template.menu)
        self._steps[_MENU] = Ask(
            prompt, answers, MENU_TIMEOUT_S, most_times=template.menu_repeats + 1, otherwise=end
        )  # fmt: skip
        return _MENU

    def _act(self, name: StepName, action: MenuKey, after_repeat: StepName, end: StepName) -> StepName:
        match action.action:
            case Action.END:
                return end
            case Action.REPEAT:
                then = after_repeat
                for left in range(action.repeats):
                    then = self._say(f"{name} again {left + 1}", self._template.information, then)
                return then
            case Action.OPERATOR:
                telephones = (self._own.operator,) if self._own.operator else action.telephones
                melody = self._template.melody
                self._steps[name] = Hunt(
                    telephones,
                    self._template.operators_ring_s,
                    end,
                    end,
                    None if melody is None else self._prompt(melody),
                    self._shown,
                    self._own.description,
                    reaches_goal=self._template.goal is Goal.OPERATOR,
                )
        return name
