"""Orders: what a task's rules make of one of its numbers."""

from dataclasses import replace

from dialer.dispatch.numbering import e164
from dialer.dispatch.recordings import new_talk_name
from dialer.model.call import CallOrder
from dialer.model.flow import Prompt
from dialer.model.rules import Amd, Pacing
from dialer.model.safe import dial_string
from dialer.model.task import InnerNumType, Task
from dialer.model.texts import fill_text
from dialer.store.attempts import InProgress
from dialer.store.queue import Queued


class OrderBook:
    """Makes orders. `dial_prefix`: for tasks that give none. `region`: two letters of the country whose numbers are
    written without a code."""

    def __init__(self, dial_prefix: str = "", region: str = "RU") -> None:
        self._dial_prefix = dial_prefix
        self._region = region

    def order(self, task: Task, number: Queued) -> CallOrder:
        """The next call to a number of a task."""
        rules = task.rules
        own_ids = (number.caller_id,) if number.caller_id else rules.caller_ids
        apology = self._prompt(rules.apology, rules.apology_file, rules.lang, number)
        to_employee = task.inner_num_type is InnerNumType.EXTEN and not rules.callback
        return CallOrder(
            number.attempt_id,
            task.task_id,
            number.phone,
            task.dial_prefix,
            task.inner_num,
            task.inner_num_type,
            number.params,
            new_talk_name(number.attempt_id) if task.record_talk else None,
            dialled=e164(number.phone, self._region) if rules.as_e164 else None,
            zone=number.zone,
            caller_id=own_ids[number.attempt_id % len(own_ids)] if own_ids else None,
            callback=rules.callback,
            amd=Amd.OFF if rules.callback else rules.amd,
            message=self._prompt(rules.amd_message, rules.amd_message_file, rules.lang, number),
            asks_for_employee=to_employee and (rules.pacing is not Pacing.PROGRESSIVE or apology is not None),
            apology=apology,
            ring_timeout_s=number.ring_timeout_s or rules.ring_timeout_s,
            success_after_s=rules.success_after_s,
            tells_progress=rules.tells_progress and task.notify_url is not None,
        )

    def resumed(self, one: InProgress) -> CallOrder:
        """The order of a call that was begun before the daemon started: what the rules add may have changed since."""
        order = self.order(one.task, one.number)
        return replace(order, recording=one.order.recording, callback=one.order.callback)

    def dial_string(self, order: CallOrder) -> str:
        """What the outgoing routes see."""
        return dial_string(order.dial_prefix or self._dial_prefix, order.dialled or order.phone)

    def dial_string_to(self, order: CallOrder, telephone: str) -> str:
        """What they see of an employee outside whom the order's dialogue calls."""
        return dial_string(order.dial_prefix or self._dial_prefix, telephone)

    def dial_string_of(self, task: Task, phone: str) -> str:
        """What they see for a number of a task."""
        dialled = e164(phone, self._region) if task.rules.as_e164 else None
        return dial_string(task.dial_prefix or self._dial_prefix, dialled or phone)

    @staticmethod
    def _prompt(text: str, file: str, lang: str, number: Queued) -> Prompt | None:
        return Prompt(fill_text(text, number.params), file or None, lang) if text or file else None
