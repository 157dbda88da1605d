"""One call of an API, declared: where it is, what it takes, what it answers, who serves it.

The same declaration checks requests and is the source of /openapi.json: what is not declared is not served.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from dialer.model.access import Role

P = TypeVar("P", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B")


_DONE_BY = {"POST": "save", "PUT": "change", "DELETE": "delete"}


class Nothing(BaseModel):
    """For calls that take nothing here; what comes all the same is ignored, as the original does."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of reply, by its HTTP status."""

    meaning: str
    model: Any = None
    """What the body is: a pydantic model or a type that pydantic knows; None: see `media_type`."""
    media_type: str = "application/json"
    others: Mapping[str, Any] = field(default_factory=dict)
    """Further media types that the body may be of, each with its model."""


@dataclass(frozen=True, slots=True)
class Form:
    """A body that is a form, read by the handler itself: its parts, as JSON Schema has them."""

    media_type: str
    properties: Mapping[str, Any]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[P, Q, B]):
    """Handlers get a checked request; each facade says how (`serve` in its own folder)."""

    method: str
    path: str
    """Below the facade's base, with `{name}` for the fields of `path_model`."""
    handler: Callable[[Any], Awaitable[Any]]
    summary: str
    """One line for the reader of /docs."""
    answers: Mapping[int, Answer]
    path_model: type[P] = Nothing  # type: ignore[assignment]
    query_model: type[Q] = Nothing  # type: ignore[assignment]
    body_model: type[B] | None = None
    """A model or type that pydantic knows: the body is JSON."""
    form: Form | None = None
    once: bool = False
    """Whether an `Idempotency-Key` is understood."""
    open_to_all: bool = False
    """Whether it is served without a login."""
    role: Role | None = None
    """Who may; None: by the method."""

    action: str | None = None
    """What it is called in the audit log, where its handler does not say so itself; empty: it changes nothing; None:
    made of method and path."""

    @property
    def changes(self) -> bool:
        """Whether what it did is for the audit log."""
        return self.method != "GET" and self.action != ""

    @property
    def audit_action(self) -> str:
        return self.action or f"{self.path.strip('/').partition('/')[0]}.{_DONE_BY.get(self.method, 'change')}"

    @property
    def needs(self) -> Role:
        """The least role that may."""
        return self.role or (Role.READ_ONLY if self.method == "GET" else Role.OPERATOR)


async def _say_nothing(_request: web.Request) -> None:
    """`Expect: 100-continue` is answered behind the gate, not before anybody knows who asks."""


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints with a common base path, under one heading of /docs."""

    name: str
    base: str
    endpoints: tuple[Endpoint[Any, Any, Any], ...] = field(default_factory=tuple)
    serve: Callable[[Endpoint[Any, Any, Any]], Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(
        kw_only=True
    )

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp is told. GET serves HEAD too."""
        return [
            web.get(f"{self.base}{one.path}", self.serve(one), expect_handler=_say_nothing)
            if one.method == "GET"
            else web.route(one.method, f"{self.base}{one.path}", self.serve(one), expect_handler=_say_nothing)
            for one in self.endpoints
        ]
