"""The facade: one route for all calls, who calls, and what a refusal looks like."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from aiohttp import web

from dialer.api.access.gate import PEER
from dialer.api.votbox.accounts import Account, Accounts
from dialer.api.votbox.errors import Code, VotboxError
from dialer.api.votbox.form import Form, FormReader
from dialer.api.votbox.xml import refusal, reply
from dialer.model.audit import Author
from dialer.store.audit import acting_as
from dialer.store.database import StoreError
from dialer.store.tasks import TaskRefusedError

log = logging.getLogger(__name__)
ENDING = ".api.php"
HEADERS = {"Content-Type": "text/xml; charset=UTF-8"}
MAX_BYTES = 64_000_000
"""Of a whole form: a million numbers, or the longest sounds of a template. It is kept in memory until its password is
known …"""
LARGE, LARGE_AT_ONCE = 1_000_000, 4
"""… so not many of so many bytes are read at a time."""
NO_EFFECT = "параметр не имеет действия в этом вызове"
Item = tuple[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an account."""

    account: Account
    form: Form
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """Parameter and message: what the caller should know although the call is carried out."""
    undo: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Takes back what has been stored, should the call be refused after all."""

    def warn(self, parameter: str, message: str) -> None:
        self.warnings.append((parameter, message))


Answer = Sequence[Item] | web.StreamResponse
Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class VotboxCall:
    """`name`: as in the document, `autocall.check`; compared without regard to case."""

    name: str
    handle: Handler


class Facade:
    """Every reply is XML with status 200, as client programs expect; its `<error>` tells."""

    def __init__(self, accounts: Accounts, calls: Iterable[VotboxCall], max_bytes: int) -> None:
        self._accounts = accounts
        self._calls = {call.name.lower(): call.handle for call in calls}
        self._reader = FormReader(min(max_bytes, MAX_BYTES))
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    def routes(self) -> tuple[web.RouteDef, ...]:
        """`/api/NAME.api.php` in any case."""
        return (web.RouteDef("*", "/{api:[Aa][Pp][Ii]}/{call}", self.serve, NAMED),)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except VotboxError as error:
            return _refused(error.code, error.message)
        except TaskRefusedError as error:
            return _refused(Code.WRONG, str(error))
        except StoreError as error:
            return _refused(Code.INTERNAL, f"База данных недоступна: {error}")
        except Exception:
            log.exception("%s failed", request.path)
            return _refused(Code.INTERNAL, "Внутренняя ошибка, см. журнал автоинформатора")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["call"].lower()
        handle = self._calls.get(name.removesuffix(ENDING)) if name.endswith(ENDING) else None
        if handle is None:
            raise VotboxError(Code.NO_SUCH_CALL, f"Нет такого вызова: {request.match_info['call'][:60]}")
        if request.method != "POST":
            raise VotboxError(Code.WRONG, f"Ожидается метод POST, получен {request.method}")
        peer = request[PEER]
        self._accounts.check_not_locked(peer)  # nobody who has failed too often is listened to
        async with self._large if (request.content_length or LARGE) >= LARGE else nullcontext():
            form = await self._reader.read(request)
        call = Call(await self._accounts.admit(form, peer), form)
        try:
            with acting_as(Author(f"votbox:{call.account.name}", peer.address)):
                answer = await handle(call)
        except Exception:
            for take_back in call.undo:
                await take_back()
            raise
        if isinstance(answer, web.StreamResponse):
            return answer
        warnings = [*call.warnings, *((name, NO_EFFECT) for name in form.unused())]
        return web.Response(body=await asyncio.to_thread(reply, answer, warnings), headers=HEADERS)


async def _say_nothing(_request: web.Request) -> None:
    """The server itself has said 100 Continue."""


NAMED = {"name": "votbox", "expect_handler": _say_nothing}


def _refused(code: Code, message: str) -> web.Response:
    return web.Response(body=refusal(code, message), headers=HEADERS)
