"""The witness: what Asterisk itself says of the calls, over all its lives. Knows nothing of the daemon."""

import re
from collections import defaultdict
from collections.abc import Iterator

from tests.rig.ami import AmiObserver, Message
from tests.rig.pbx import Pbx

_OUTBOUND = re.compile(r"Local/\d+@autodialer-out-\w+;2")
_ANSWERED = re.compile(r"Local/(\d+)@autodialer-out-\w+;1")
_PROVIDER_CHANNEL = "PJSIP/provider-"
_PROMPTS = ("STREAM FILE ", "GET OPTION ")


class Witness:
    """Listens to the AMI from `see()` to `lose()`; the next life of Asterisk begins with the next `see()`."""

    def __init__(self) -> None:
        self._lives: list[AmiObserver] = []
        self._now: AmiObserver | None = None
        self._counted = 0
        self._live: set[str] = set()

    async def see(self, pbx: Pbx) -> None:
        """Begin to listen to an Asterisk that has just started."""
        observer = AmiObserver(pbx.ami_port, pbx.observer_username, pbx.observer_secret)
        await observer.__aenter__()
        observer.send("Events", EventMask="agi,call")
        self._lives.append(observer)
        self._now = observer
        self._counted = 0
        self._live = set()

    async def lose(self) -> None:
        """Asterisk is gone, or we go. Harmless when repeated."""
        if self._now is not None:
            await self._now.__aexit__(None, None, None)
            self._now = None

    def calls_now(self) -> int:
        """Outbound legs that live at this moment; none while Asterisk is away."""
        if self._now is None:
            return 0
        for event in self._now.events[self._counted :]:
            if _OUTBOUND.fullmatch(event.get("Channel", "")):
                if event["Event"] == "Newchannel":
                    self._live.add(event["Channel"])
                elif event["Event"] == "Hangup":
                    self._live.discard(event["Channel"])
        self._counted = len(self._now.events)
        return len(self._live)

    def prompts(self) -> dict[int, list[str]]:
        """For each attempt the sounds that were begun to be played to it, in order, repetitions included."""
        played: defaultdict[int, list[str]] = defaultdict(list)
        for event in self._events("AGIExecStart"):
            leg = _ANSWERED.fullmatch(event.get("Channel", ""))
            command = event.get("Command", "")
            if leg and command.startswith(_PROMPTS):
                played[int(leg[1])].append(command.split(" ")[2])
        return dict(played)

    def most_at_once(self, numbers: set[str]) -> int:
        """The greatest number of channels to the provider that rang these numbers at the same moment."""
        return max((_most_at_once(life.events, numbers) for life in self._lives), default=0)

    def _events(self, name: str) -> Iterator[Message]:
        for life in self._lives:
            yield from (event for event in life.events if event["Event"] == name)


def _most_at_once(events: list[Message], numbers: set[str]) -> int:
    """Within one life of Asterisk; a channel counts from its dialling to its hang-up."""
    live: set[str] = set()
    most = 0
    for event in events:
        if event["Event"] == "DialBegin" and event.get("DestChannel", "").startswith(_PROVIDER_CHANNEL):
            if event["DialString"].partition("@")[0] in numbers:
                live.add(event["DestChannel"])
                most = max(most, len(live))
        elif event["Event"] == "Hangup":
            live.discard(event.get("Channel", ""))
    return most
