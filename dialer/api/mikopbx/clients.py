"""/client and /client-by-phone"""

import asyncio
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from dialer.api.mikopbx.bodies import Id, Name, Text
from dialer.api.mikopbx.envelope import RefusedError, read_value, reply, validated
from dialer.api.mikopbx.numbers import strip_punctuation
from dialer.api.mikopbx.plain import as_list, as_text, kind_of, none_if_blank
from dialer.model.safe import UnsafeValueError, phone_id_of, safe_number
from dialer.store.clients import (
    Client,
    ClientChange,
    ClientPhone,
    delete_client,
    fetch_properties,
    save_clients,
)
from dialer.store.database import Store

MAX_CLIENTS = 10_000
"""In one request: calls wait for the database while it is stored, most of a second."""
MAX_PHONES = 100
MAX_PROPERTIES = 500


def _phone(value: str) -> str:
    return safe_number(strip_punctuation(value))


def _phone_of_object(value: Any) -> Any:
    """A phone as a reply shows it, {"phone": …}, or as a task lists it, {"number": …}."""
    if isinstance(value, dict):
        value = value.get("phone", value.get("number"))
    return as_text(value)


def _listed_phones(value: Any) -> Any:
    """One phone is a list of one."""
    value = [value] if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else value
    return _within(MAX_PHONES, as_list(none_if_blank(value)))


def _as_object(value: Any) -> Any:
    """Properties as a list of {"key": …, "value": …}, the original's shape, or as an object; null and [] are none."""
    if value in (None, "", []):
        return {}
    if isinstance(value, dict) and "key" not in value:
        listed = as_list(value)
        if listed is value or not all(isinstance(one, dict) for one in listed):
            return _within(MAX_PROPERTIES, value)
        value = listed
    if not isinstance(value, list):
        return value
    pairs: dict[str, Any] = {}
    for position, one in enumerate(_within(MAX_PROPERTIES, value)):
        key = as_text(one.get("key")) if isinstance(one, dict) else None
        if not isinstance(key, str) or not key:
            raise ValueError(f'item {position}: an object {{"key", "value"}} expected, got {kind_of(one)}')
        pairs[key] = one.get("value")
    return pairs


def _within(limit: int, items: Any) -> Any:
    if isinstance(items, list | dict) and len(items) > limit:
        raise ValueError(f"{limit} items at most expected, got {len(items)}")
    return items


def _property_text(value: Any) -> Any:
    if value is None:
        return ""
    return str(value) if isinstance(value, float) and not value.is_integer() else as_text(value)


def _not_blank(value: str) -> str:
    if not value:
        raise ValueError("missing")
    return value


def _listed_clients(value: Any) -> Any:
    """One client is a list of one."""
    if isinstance(value, dict) and as_list(value) is value:
        return [value]
    return value if value is None else _within(MAX_CLIENTS, as_list(value))


CrmId = Annotated[Id, AfterValidator(_not_blank), BeforeValidator(lambda value: "" if value is None else value)]
Phone = Annotated[str, AfterValidator(_phone), BeforeValidator(_phone_of_object)]
Value = Annotated[Text, BeforeValidator(_property_text)]
Key = Annotated[Name, AfterValidator(_not_blank)]


class ClientBody(BaseModel):
    """A client's fields; `name` not said stays as it is stored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    crmId: CrmId
    name: Name | None = None
    phones: Annotated[tuple[Phone, ...], BeforeValidator(_listed_phones)]
    properties: Annotated[dict[Key, Value], BeforeValidator(_as_object)] = Field(default_factory=dict)

    def change(self) -> ClientChange:
        phones = tuple(ClientPhone(phone, phone_id_of(phone)) for phone in self.phones)
        return ClientChange(self.crmId, self.name, phones, self.properties)


class ClientsBody(RootModel[Annotated[tuple[ClientBody, ...], BeforeValidator(_listed_clients)]]):
    """A list of clients."""


class Clients:
    """The directory of clients."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self, base: str) -> list[web.RouteDef]:
        return [
            web.post(f"{base}/client", self.post),
            web.delete(f"{base}/client/{{crm_id}}", self.delete),
            web.get(f"{base}/client-by-phone/{{phone}}", self.get_by_phone),
        ]

    async def post(self, request: web.Request) -> web.Response:
        content = await read_value(request)
        body = await asyncio.to_thread(validated, ClientsBody, content)  # seconds for the largest ones
        saved = await self._store.write(save_clients([one.change() for one in body.root]))
        return reply([_client(one) for one in saved])

    async def delete(self, request: web.Request) -> web.Response:
        """Who is not there counts as deleted, as in the original."""
        await self._store.write(delete_client(request.match_info["crm_id"]))
        return reply()

    async def get_by_phone(self, request: web.Request) -> web.Response:
        """The properties of the client with this phone; an unknown phone has none."""
        try:
            phone = _phone(request.match_info["phone"])
        except UnsafeValueError as error:
            raise RefusedError(f"phone: {error}") from None
        found = await self._store.read(lambda connection: fetch_properties(connection, phone_id_of(phone)))
        return reply(_pairs(found))


def _client(one: Client) -> dict[str, Any]:
    client_id = str(one.client_id)
    return {
        "id": client_id,
        "name": one.name,
        "crmId": one.crm_id,
        "phones": [{"phone": phone.phone, "phoneId": phone.phone_id, "clientId": client_id} for phone in one.phones],
        "properties": _pairs(one.properties),
    }


def _pairs(properties: dict[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": value} for key, value in properties.items()]
