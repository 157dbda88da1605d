"""/console/v1/audit: who changed what"""

from typing import Any

from dialer.api.console.fields import QuerySearch
from dialer.api.console.shown import Shown, seconds
from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.fields import QueryNumber
from dialer.api.mikopbx.replies import answers
from dialer.api.mikopbx.serving import Call
from dialer.model.access import Role
from dialer.store.audit import fetch_audit
from dialer.store.database import Store

DEFAULT_ROWS, MOST_ROWS = 100, 1000


class AuditQuery(Nothing):
    """Which rows."""

    before: QueryNumber = None
    """Only those before this id: `next` of the page before."""
    limit: QueryNumber = None
    """How many, 1000 at the most; 100 by default."""
    search: QuerySearch = ""
    """A part of who, address, action, target or detail."""


class AuditShown(Shown):
    """A change."""

    id: int
    """The row's id."""
    time: float
    """When."""
    who: str
    """`local`, `user:LOGIN`, `key:NAME`, `votbox:ACCOUNT`, `command:USER`."""
    address: str
    """Where from; empty: at the machine itself."""
    action: str
    """What was done: `task.pause`, `polling.replace`, `user.role`."""
    target: str
    """To what: an id or a name."""
    detail: str
    """In a few words: old → new."""


class AuditRows(Shown):
    rows: list[AuditShown]
    """Newest first; with a `search` there may be fewer than `limit`, even none, though there are more."""
    next: int | None
    """For `before`; null: that was all."""


class AuditLog:
    """The audit log, for administrators."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("GET", "/audit", self.page, "Who changed what, newest first", answers(AuditRows),
                     query_model=AuditQuery, role=Role.ADMIN),
        )  # fmt: skip

    async def page(self, call: Call[Nothing, AuditQuery, None]) -> dict[str, Any]:
        query = call.query
        limit = max(1, min(DEFAULT_ROWS if query.limit is None else query.limit, MOST_ROWS))
        rows, following = await self._store.read(
            lambda connection: fetch_audit(connection, before_id=query.before, limit=limit, search=query.search)
        )
        shown = [
            {
                "id": row.id,
                "time": seconds(row.time_us),
                "who": row.who,
                "address": row.address,
                "action": row.action,
                "target": row.target,
                "detail": row.detail,
            }
            for row in rows
        ]
        return {"rows": shown, "next": following}
