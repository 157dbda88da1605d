"""Metrics joined to what they measure: hooks for what happens, a look for what is."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from dialer.api.health import HealthReport
from dialer.compose.dialling import Dialling
from dialer.compose.dialogues import Dialogues
from dialer.compose.pbx import Pbx
from dialer.compose.speech import Speech
from dialer.dispatch.webhooks import Webhooks
from dialer.metrics.exposition import Metrics
from dialer.pbx.ami import AmiState
from dialer.store.database import Store, StoreError
from dialer.store.tasks import count_tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is measured of a daemon."""

    store: Store
    dialling: Dialling
    pbx: Pbx
    speech: Speech
    dialogues: Dialogues
    webhooks: Webhooks | None
    report: Callable[[], HealthReport]
    """What /health says."""


def measure(metrics: Metrics, parts: Parts) -> None:
    """Have every part tell the metrics what happens there. Called once, before anything runs."""
    parts.dialling.ledger.observers.append(metrics.calls)
    metrics.calls.is_dialled = parts.dialling.scheduler.dials
    metrics.calls.stands_by = parts.dialling.traffic.stands_by
    parts.dialling.traffic.on_called_up = metrics.calls.called_up
    parts.dialling.scheduler.on_held = metrics.calls.held
    parts.dialogues.agi.on_reply, parts.dialogues.agi.on_prompt = metrics.agi.replied, metrics.agi.prompted
    parts.dialogues.agi.on_claim, parts.dialogues.agi.on_end = metrics.agi.claimed, metrics.agi.ended
    metrics.ami.events = frozenset({*parts.pbx.ami.events, "FullyBooted"})
    parts.pbx.ami.on_message, parts.pbx.ami.on_pong = metrics.ami.heard, metrics.ami.pinged
    metrics.speech.engines_are(parts.speech.voices.report())
    parts.speech.voices.on_tried, parts.speech.prompts.on_looked_up = metrics.speech.tried, metrics.speech.looked_up
    parts.store.on_commit, parts.store.on_refused_commit = metrics.database.committed, metrics.database.failed
    if parts.webhooks is not None:
        parts.webhooks.on_tried, parts.webhooks.on_given_up = metrics.outbox.tried, metrics.outbox.given_up

    async def look() -> None:
        _look(metrics, parts)
        with suppress(StoreError):  # the store's trouble is told by itself
            counts = await parts.store.read(count_tasks)
            metrics.daemon.show_tasks({state.name.lower(): count for state, count in counts.items()})

    metrics.look = look


def _look(metrics: Metrics, parts: Parts) -> None:
    report, daemon = parts.report(), metrics.daemon
    daemon.dialling.set(report.dialling)
    daemon.draining.set(report.status == "draining")
    daemon.troubled.set(report.trouble is not None)
    daemon.nobody_free.set(len(report.waiting_for))
    daemon.show_slowed_down(parts.dialling.traffic.who_is_slowed_down())
    daemon.pace.set(parts.dialling.traffic.pace_per_s)
    metrics.calls.show(parts.dialling.ledger.states())
    metrics.agi.open.set(parts.dialogues.agi.sessions)
    metrics.ami.ready.set(parts.pbx.ami.state is AmiState.READY)
    metrics.ami.unread.set(parts.pbx.ami.unread_bytes)
    metrics.ami.actions.set(parts.pbx.ami.actions_waiting)
    metrics.ami.to_forget.set(parts.pbx.link.to_forget)
    metrics.speech.show({engine: bool(state["resting"]) for engine, state in report.speech.items()})
    metrics.speech.cache_bytes.set(parts.speech.cache.size_bytes)
    metrics.speech.cache_max_bytes.set(parts.speech.cache.max_bytes)
    metrics.database.waiting.set(parts.store.operations_waiting)
    if report.webhooks is not None:
        metrics.outbox.show(report.webhooks)
