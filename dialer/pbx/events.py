"""The dialplan's UserEvents as the state machine's events."""

import logging
from collections.abc import Mapping

from dialer.model.attempt import AttemptEvent, LegEnded, NeverDialled, SubscriberAnswered
from dialer.model.records import BadRecordError, parse_record
from dialer.model.verdict import DECLINED_CODES

_DECLINED = frozenset(map(str, DECLINED_CODES))
log = logging.getLogger(__name__)


def read_declined(message: Mapping[str, str]) -> str | None:
    """The Linkedid of the call whose trunk says that the subscriber declined; None for any other event."""
    declined = message.get("Event") == "Hangup" and message.get("TechCause", "") in _DECLINED
    return message.get("Linkedid", "") if declined else None


def read_user_event(message: Mapping[str, str]) -> tuple[int, AttemptEvent] | None:
    """The attempt and what happened to it; None for an event that is not the dialer's or cannot be read."""
    name = message.get("UserEvent", "")
    if not name.startswith("Autodialer"):
        return None
    attempt = message.get("Attempt", "")
    if not (attempt.isascii() and attempt.isdecimal() and len(attempt) < 19):
        log.warning("%s without a usable attempt id: %r", name, attempt[:60])
        return None
    match name:
        case "AutodialerAnswered":
            return int(attempt), SubscriberAnswered(message.get("Call", ""))
        case "AutodialerUnclaimed":
            return int(attempt), NeverDialled(message.get("Call", ""))
        case "AutodialerGone":
            try:
                return int(attempt), LegEnded(parse_record(message.get("Record", "")))
            except BadRecordError as error:
                log.warning("attempt %s: %s", attempt, error)
    return None
