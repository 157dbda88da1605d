"""The flow book: the call flow of an order, whatever it is compiled from."""

from typing import Protocol

from dialer.model.call import CallOrder
from dialer.model.compile_template import compile_template
from dialer.model.flow import Flow
from dialer.model.task import InnerNumType
from dialer.model.template import OwnWords, Template
from dialer.store.database import Store
from dialer.store.scripts import fetch_script


class FlowSource(Protocol):
    """Compiles what an order names."""

    async def flow_for(self, order: CallOrder) -> tuple[int, Flow] | None:
        """The id of what the flow was compiled from, and the flow; None: there is no such thing."""


class TemplateBook:
    """Templates of the auto-informer. Read anew for each call: one look by its id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def flow_for(self, order: CallOrder) -> tuple[int, Flow] | None:
        script_id = int(order.inner_num)
        script = await self._store.read(lambda connection: fetch_script(connection, script_id))
        if script is None:
            return None
        own = OwnWords.from_params(order.params)
        return script_id, compile_template(Template.from_json(script.content), own, subscriber=order.phone)


class FlowBook:
    """One source for each kind of task that holds dialogues."""

    def __init__(self, pollings: FlowSource, scripts: FlowSource) -> None:
        self._sources = {InnerNumType.POLLING: pollings, InnerNumType.SCRIPT: scripts}

    async def flow_for(self, order: CallOrder) -> tuple[int, Flow] | None:
        """As `FlowSource`; None also for a task without dialogues."""
        source = self._sources.get(order.inner_num_type)
        return None if source is None else await source.flow_for(order)
