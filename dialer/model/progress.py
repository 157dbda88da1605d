"""The steps of a call that a receiver may be told as they happen."""

from enum import StrEnum


class Progress(StrEnum):
    """What has happened. Each is told once for each time that it happens, in this order as far as a call gets."""

    DIALLED = "dialled"
    """Leave to dial was given: the subscriber is called."""
    ANSWERED = "answered"
    """The subscriber picked up."""
    KEY = "key"
    """The subscriber pressed `key`, a right one or a wrong one."""
    REDIRECTED = "redirected"
    """An employee is called: `telephone`."""
    EMPLOYEE_ANSWERED = "employee_answered"
    """The employee picked up: `telephone`."""
    EMPLOYEE_UNANSWERED = "employee_unanswered"
    """The employee did not: `telephone`, `cause` (Q.850)."""
    UNANSWERED = "unanswered"
    """The subscriber did not pick up: `cause` (Q.850)."""
    ENDED = "ended"
    """The call is over, or the number was ended without one: with its whole row."""
