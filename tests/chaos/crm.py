"""A CRM that does as the README says: posts until it is acknowledged, fetches from the greatest change time on."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from tests.rig.daemon import Dialer
from tests.rig.waiting import wait_for_answer

Row = dict[str, Any]
FETCH_EVERY_S = 0.5
POST_TIMEOUT_S = 60.0
# The daemon may die under any request.
_NO_REPLY = (aiohttp.ClientError, TimeoutError, ConnectionError, AssertionError)


class Crm:
    """Posts, fetches, and keeps every row by its id."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self.results: dict[str, Row] = {}
        self.answers: dict[str, Row] = {}
        self.changed: list[str] = []
        """Final results and answers that were different when they came again."""
        self.fetched = 0
        """Replies that were read."""
        self._results_since = "0"
        self._answers_since = "0"

    async def post(self, path: str, body: Mapping[str, Any]) -> Row:
        """Post the same again and again until it is acknowledged; return the reply's data."""

        async def post() -> Row | None:
            return await self.ask("POST", path, body)

        data = await wait_for_answer(post, bool, f"POST {path} is acknowledged", POST_TIMEOUT_S)
        assert data is not None
        return data

    async def ask(self, method: str, path: str, body: object = None) -> Row | None:
        """The data of one successful reply; None when there is none."""
        try:
            reply = await self._dialer.call(method, path, body)
        except _NO_REPLY:
            return None
        return dict(reply["data"]) if reply["result"] is True else None

    async def fetch_for_ever(self) -> None:
        while True:
            await self.fetch()
            await asyncio.sleep(FETCH_EVERY_S)

    async def fetch(self) -> bool:
        """Fetch results and answers once; False when the daemon did not reply to one of the two."""
        results = await self.ask("GET", f"/results/{self._results_since}")
        for row in (results or {}).get("results", ()):
            self._keep_result(row)
            self._results_since = max(self._results_since, row["changeTime"], key=float)
        answers = await self.ask("GET", f"/polling-results/{self._answers_since}")
        for row in (answers or {}).get("results", ()):
            if self.answers.setdefault(row["id"], row) != row:
                self.changed.append(f"answer {self.answers[row['id']]} became {row}")
            self._answers_since = max(self._answers_since, row["changeTime"], key=float)
        self.fetched += (results is not None) + (answers is not None)
        return results is not None and answers is not None

    def _keep_result(self, row: Row) -> None:
        known = self.results.get(row["id"])
        if known is not None and known["result"] is not None and known != row:
            self.changed.append(f"result {known} became {row}")
        self.results[row["id"]] = row
