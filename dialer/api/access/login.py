"""/admin-cabinet/session: logging in and out as the PBX's own web interface does"""

import json
import logging
import math
import secrets
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from dialer.api.access.addresses import Peer
from dialer.api.access.gate import COOKIE, PEER, Gate
from dialer.api.access.passwords import Password
from dialer.api.endpoint import Answer, Endpoint, Form, Nothing
from dialer.api.mikopbx.envelope import refusal
from dialer.api.mikopbx.replies import NamedErrors, Refused
from dialer.api.mikopbx.serving import Call
from dialer.model.audit import Author, Change
from dialer.store.access import end_session, find_marked_session, start_session
from dialer.store.audit import acting_as, audited
from dialer.store.database import Store

log = logging.getLogger("dialer.access")
START = "/admin-cabinet/session/start"
END = "/admin-cabinet/session/end"
OPEN_PATHS = frozenset({("POST", START), ("GET", END), ("POST", END)})
DOOR = "password"
"""What was tried, as log lines name it."""
MAX_BODY_BYTES = 16_384
WRONG = "Wrong login or password"
UNREADABLE = "login and password expected, as a form (application/x-www-form-urlencoded) or as JSON"


class LoginReply(BaseModel):
    """As the PBX answers."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    success: bool
    """Whether the login was right."""
    reload: Literal[False]
    """Always false."""
    message: list[Any] | NamedErrors
    """Empty, or why not."""


class Login:
    """One login, its sessions in a cookie."""

    def __init__(self, store: Store, gate: Gate, password: Password) -> None:
        self._store = store
        self._gate = gate
        self._password = password
        self._told = False

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        text = {"type": "string", "maxLength": 1000}
        form = Form("application/x-www-form-urlencoded", {"login": text, "password": text}, ("login", "password"))
        answers = {
            200: Answer("`success` tells; with it comes the cookie PHPSESSID", LoginReply),
            413: Answer("The body is too large", Refused),
            403: Answer("A page of another site has sent it", LoginReply),
            429: Answer("Too many failed logins from this address", LoginReply),
            503: Answer("Too many logins at once", LoginReply),
        }
        ended = {200: Answer("The session is over", LoginReply)}
        return (
            Endpoint("POST", START, self.start, "Log in", answers, form=form, open_to_all=True),
            Endpoint("GET", END, self.end, "Log out", ended, open_to_all=True),
            Endpoint("POST", END, self.end, "Log out", ended, open_to_all=True),
        )

    async def start(self, call: Call[Nothing, Nothing, None]) -> web.Response:
        request, peer = call.request, call.request[PEER]
        if not peer.same_site:
            return _failure("Logging in is not for other sites' pages", status=403)
        body = await _read_little(request)
        if body is None:
            return refusal([f"body: {MAX_BODY_BYTES} bytes at the most expected"], status=413)
        credentials = _credentials(body)
        if credentials is None:
            return _failure(UNREADABLE)
        login, password = credentials
        # from here to `count` nothing is awaited: else any number of attempts could be made at the same moment
        if wait_s := self._gate.wait_s(peer):
            headers = {"Retry-After": str(math.ceil(wait_s))}
            return _failure("Too many failed logins, try again later", status=429, headers=headers)
        people = self._gate.people
        if people.is_busy:
            return _failure("Too many logins at once, try again", status=503, headers={"Retry-After": "1"})
        self._gate.count(peer, DOOR, login)
        known = await people.known(login, password)
        if known is None:
            self._tell_unset(login)
            self._gate.tell_failed(peer, DOOR, login)
            return _failure(WRONG)
        self._gate.succeeded(peer, DOOR, login)
        token = secrets.token_urlsafe(32)
        with acting_as(Author(f"user:{known.login}", peer.address)):
            starting = start_session(token, known.login, known.mark, peer.address)
            await self._store.write(audited(starting, lambda _: Change("login", known.login)))
        log.info("%s logged in", peer.address)
        response = web.json_response({"success": True, "reload": False, "message": []})
        # Strict: no page of another site can make a browser use the session, not even by a link
        # no Max-Age: the store knows when the hour is over, which each request begins anew
        response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=peer.https, path="/")
        return response

    async def end(self, call: Call[Nothing, Nothing, None]) -> web.Response:
        token = call.request.cookies.get(COOKIE)
        if token is not None:
            await self._end(token, call.request[PEER])
        response = web.json_response({"success": True, "reload": False, "message": []})
        response.del_cookie(COOKIE, path="/")
        return response

    async def _end(self, token: str, peer: Peer) -> None:
        found = await self._store.read(lambda connection: find_marked_session(connection, token, 0))
        if found is not None:
            login = found[0].login
            with acting_as(Author(f"user:{login}", peer.address)):
                await self._store.write(audited(end_session(token), lambda _: Change("logout", login)))

    def _tell_unset(self, login: str) -> None:
        """Once: somebody tries the login of the settings, which has no password."""
        if login == self._password.login and not self._password.is_set and not self._told:
            self._told = True
            log.warning(
                "nobody can log in as %s: [auth] password_hash is not set (dialer passwd)", self._password.login
            )


def _failure(message: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    content = {"success": False, "reload": False, "message": {"error": [message]}}
    return web.json_response(content, status=status, headers=headers)


async def _read_little(request: web.Request) -> bytes | None:
    """The body, None if it is more than a login needs: nobody is known here yet."""
    body = b""
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _credentials(body: bytes) -> tuple[str, str] | None:
    """Login and password of a form, or of a JSON object; None: there are none, and so nothing was tried."""
    text = body.decode("utf-8-sig", errors="replace").strip()
    try:
        fields = json.loads(text) if text.startswith("{") else dict(parse_qsl(text, True, max_num_fields=50))
    except (ValueError, RecursionError):
        return None
    login, password = fields.get("login"), fields.get("password")
    return (login, password) if isinstance(login, str) and isinstance(password, str) else None
