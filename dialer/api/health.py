"""GET /health: does it serve, does it dial, and if not, why."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from pydantic import ConfigDict

from dialer.api.endpoint import Answer, Endpoint, Nothing
from dialer.api.mikopbx.serving import Call


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What /health says."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    status: str
    """ok | degraded (something is wrong, see `trouble`) | draining (stops after the calls in progress)"""
    asterisk: str
    """The AMI connection: ready | booting | away | login refused."""
    dialling: bool
    """Whether calls are begun."""
    trouble: str | None
    """What is wrong, in words: why nothing is dialled; or, while `dialling`, what the last dialogue, message or talk
    lacked: a sound file that is gone, a recording that was not made. Told until the next one goes well."""
    calls_in_progress: int
    """How many, with those that stand by for a channel."""
    waiting_for: list[str]
    """Internal numbers of open tasks that dial nobody while nobody there is free."""
    slowed_down: list[str]
    """Trunks, or Asterisk, that get fewer calls a second for a while, and why."""
    speech: dict[str, dict[str, object]]
    """What each text-to-speech engine has done since the start: texts spoken and failed, the last error, whether it is
    left alone for a while after a failure."""
    webhooks: dict[str, object] | None
    """Events delivered since the start, waiting, given up; receivers that take none; null: [webhooks] not set up."""
    version: str
    """The daemon's."""


class Health:
    """Always HTTP 200: the daemon serves; the body says what it can do."""

    def __init__(self, report: Callable[[], HealthReport]) -> None:
        self._report = report

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        answers = {200: Answer("What it can do", HealthReport)}
        return (Endpoint("GET", "/health", self.get, "Does it serve, does it dial, and if not, why", answers),)

    async def get(self, _call: Call[Nothing, Nothing, None]) -> web.Response:
        return web.json_response(asdict(self._report()))
