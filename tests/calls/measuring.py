"""What Asterisk itself says of calls to the provider: when each began and ended."""

from dataclasses import dataclass, replace

from tests.rig.ami import AmiObserver
from tests.rig.pbx import Pbx

PROVIDER_CHANNEL = "PJSIP/provider-"


def observing(pbx: Pbx) -> AmiObserver:
    return AmiObserver(pbx.ami_port, pbx.observer_username, pbx.observer_secret)


@dataclass(frozen=True)
class Span:
    """One channel to the provider. Times are Asterisk's, Unix seconds."""

    number: str
    begin_s: float
    end_s: float
    channel: str = ""


def spans(observer: AmiObserver, numbers: set[str]) -> list[Span]:
    """Channels to the provider that rang these numbers and are over, in the order of their beginning."""
    begin: dict[str, float] = {}
    number: dict[str, str] = {}
    done: list[Span] = []
    for event in observer.events:
        channel = event.get("Channel", "")
        if event["Event"] == "DialBegin" and event.get("DestChannel", "").startswith(PROVIDER_CHANNEL):
            number[event["DestChannel"]] = event["DialString"].partition("@")[0]
        elif channel.startswith(PROVIDER_CHANNEL) and event["Event"] == "Newchannel":
            begin[channel] = float(event["Timestamp"])
        elif channel.startswith(PROVIDER_CHANNEL) and event["Event"] == "Hangup" and number.get(channel) in numbers:
            done.append(Span(number[channel], begin[channel], float(event["Timestamp"]), channel))
    return sorted(done, key=lambda span: span.begin_s)


def until_they_leave(observer: AmiObserver, calls: list[Span]) -> list[Span]:
    """The same calls of subscribers who answered and hung up, each to the moment at which Asterisk took its channel out
    of the talk: what is left, it does in a thread beside the one that ends our leg, and in no order with it."""
    left_s = {
        event["Channel"]: float(event["Timestamp"])
        for event in observer.events
        if event["Event"] == "BridgeLeave" and event["Channel"].startswith(PROVIDER_CHANNEL)
    }
    return [replace(call, end_s=left_s.get(call.channel, call.end_s)) for call in calls]


def until_members_are_free(observer: AmiObserver, calls: list[Span]) -> list[Span]:
    """The same calls, each to the end of its talk with a member of a queue where that comes first: the member may have
    the next call while a busy Asterisk has yet to take down the subscriber's leg."""
    linked_ids = {
        event["DialString"].partition("@")[0]: event["DestLinkedid"]
        for event in observer.events
        if event["Event"] == "DialBegin" and event.get("DestChannel", "").startswith(PROVIDER_CHANNEL)
    }
    free_s = {
        # the subscriber's channel may be gone by then, and its headers with it
        event.get("Linkedid") or event.get("DestLinkedid"): float(event["Timestamp"])
        for event in observer.events
        if event["Event"] == "AgentComplete"
    }
    return [replace(call, end_s=min(call.end_s, free_s.get(linked_ids[call.number], call.end_s))) for call in calls]


def most_at_once(calls: list[Span]) -> int:
    """The greatest number of channels that lived at the same moment."""
    edges = sorted([(call.begin_s, 1) for call in calls] + [(call.end_s, -1) for call in calls])
    most = now = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most


def refill_times_ms(calls: list[Span], channels: int) -> list[float]:
    """From the k-th hang-up to the beginning of the call that takes its channel, the (k + channels)-th."""
    ends = sorted(call.end_s for call in calls)
    begins = [call.begin_s for call in calls][channels:]
    return [(begin - end) * 1000 for begin, end in zip(begins, ends, strict=False)]
