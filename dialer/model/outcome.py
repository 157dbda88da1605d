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
    FAIL_USER_BUSY = "FAIL_USER_BUSY"
    """Subscriber reached; employee or whole queue busy or unavailable."""
    FAIL_USER_NO_ANSWER = "FAIL_USER_NO_ANSWER"
    """Subscriber reached; the employee did not answer or declined."""
    FAIL_CLIENT_H_BEFORE_ANSWER = "FAIL_CLIENT_H_BEFORE_ANSWER"
    """The subscriber hung up before the employee answered."""
    FAIL_ROUTE = "FAIL_ROUTE"
    """No outgoing route for the number."""
    FAIL_PROVIDER = "FAIL_PROVIDER"
    """A route, but the provider is unreachable or refuses for no cause of this number."""
    FAIL = "FAIL"
    """Everything else: busy, no answer, declined, unknown number. The cause says which."""
