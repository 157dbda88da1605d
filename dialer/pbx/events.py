"""The dialplan's UserEvents as the state machine's events."""

import logging
import re
from collections.abc import Mapping

from dialer.model.attempt import AttemptEvent, LegEnded, NeverDialled, SubscriberAnswered, TalkBegan
from dialer.model.records import BadRecordError, attempt_id_of, parse_record
from dialer.model.verdict import DECLINED_CODES

_DECLINED = frozenset(map(str, DECLINED_CODES))
_SENT = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_ANSWERED_LEG = re.compile(r"Local/([0-9]{1,18})@autodialer-out-[0-9a-f]+;1")
log = logging.getLogger(__name__)


def is_ours(message: Mapping[str, str]) -> bool:
    """Whether our dialplan has written the event."""
    return message.get("UserEvent", "").startswith("Autodialer")


def read_declined(message: Mapping[str, str]) -> str | None:
    """The Linkedid of the call whose trunk says that the subscriber declined; None for any other event."""
    declined = message.get("Event") == "Hangup" and message.get("TechCause", "") in _DECLINED
    return message.get("Linkedid", "") if declined else None


def read_talk(message: Mapping[str, str]) -> tuple[int, TalkBegan] | None:
    """The attempt whose subscriber and employee are connected, from a BridgeEnter, or a line of CoreShowChannels; None
    for any other message."""
    bridged = message.get("Event") == "BridgeEnter" or message.get("BridgeId", "") != ""
    leg = _ANSWERED_LEG.fullmatch(message.get("Channel", "")) if bridged else None
    return (int(leg.group(1)), TalkBegan(message.get("Linkedid", ""), message.get("Uniqueid", ""))) if leg else None


def read_sent(message: Mapping[str, str]) -> float | None:
    """When our dialplan wrote the event, Unix seconds; None for an event that does not say so."""
    sent = message.get("Sent", "")
    return float(sent) if _SENT.fullmatch(sent) else None


def read_user_event(message: Mapping[str, str]) -> tuple[int, AttemptEvent] | None:
    """The attempt and what happened to it, from an event of ours; None for one that cannot be read."""
    name = message.get("UserEvent", "")
    attempt_id = attempt_id_of(message.get("Attempt", ""))
    if attempt_id is None:
        log.warning("%s without a usable attempt id: %r", name, message.get("Attempt", "")[:60])
        return None
    match name:
        case "AutodialerAnswered":
            return attempt_id, SubscriberAnswered(message.get("Call", ""))
        case "AutodialerUnclaimed":
            return attempt_id, NeverDialled(message.get("Call", ""))
        case "AutodialerGone":
            try:
                return attempt_id, LegEnded(parse_record(message.get("Record", "")))
            except BadRecordError as error:
                log.warning("attempt %d: %s", attempt_id, error, extra={"attempt_id": attempt_id})
    return None
