"""What became of a number, spelled as the API spells it."""

from enum import StrEnum


class Outcome(StrEnum):
    """The one final result of an attempt (API document, «Расшифровка статусов»)."""

    SUCCESS_POLLING = "SUCCESS_POLLING"
    """The polling reached its end."""
    FAIL_POLLING = "FAIL_POLLING"
    """The subscriber answered and left the polling before its end, or it could not be held."""
    SUCCESS_CLIENT_H = "SUCCESS_CLIENT_H"
    """Subscriber and employee talked; the subscriber hung up."""
    SUCCESS_USER_H = "SUCCESS_USER_H"
    """Subscriber and employee talked; the employee hung up."""
    SUCCESS = "SUCCESS"
    """They talked; nobody can tell who hung up."""
    SUCCESS_ANOTHER_PHONE = "SUCCESS_ANOTHER_PHONE"
    """Not dialled any more: another number of the same client was reached."""
    SUCCESS_EXTERNAL_SIGNAL = "SUCCESS_EXTERNAL_SIGNAL"
    """The CRM said that the number is done (`/task-signal-close`)."""
    FAIL_USER_BUSY = "FAIL_USER_BUSY"
    """Subscriber reached; employee or whole queue busy or unavailable."""
    FAIL_USER_NO_ANSWER = "FAIL_USER_NO_ANSWER"
    """Subscriber reached; the employee did not answer or declined."""
    FAIL_CLIENT_H_BEFORE_ANSWER = "FAIL_CLIENT_H_BEFORE_ANSWER"
    """The subscriber hung up before the employee answered."""
    FAIL_USER_H_BEFORE_CLIENT_ANSWER = "FAIL_USER_H_BEFORE_CLIENT_ANSWER"
    """The employee, called first, hung up before the subscriber answered."""
    FAIL_ROUTE = "FAIL_ROUTE"
    """No outgoing route for the number."""
    FAIL_PROVIDER = "FAIL_PROVIDER"
    """A route, but the provider is unreachable or refuses for no cause of this number."""
    FAIL = "FAIL"
    """Everything else: busy, no answer, declined, unknown number. The cause says which."""

    @property
    def is_success(self) -> bool:
        """Whether the number is done with, and well."""
        return self.value.startswith("SUCCESS")
