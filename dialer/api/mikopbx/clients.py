"""/client and /client-by-phone"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from dialer.api.endpoint import Endpoint, Nothing
from dialer.api.mikopbx.fields import (
    BLANK,
    INTEGER,
    Id,
    ListSchema,
    MaybeName,
    Name,
    PathId,
    Schema,
    Text,
    one_of,
    text_schema,
)
from dialer.api.mikopbx.numbers import PHONE_SCHEMAS, phone_of
from dialer.api.mikopbx.plain import as_list, as_text, kind_of, none_if_blank, whole
from dialer.api.mikopbx.replies import ClientShown, NoData, PropertyShown, answers
from dialer.api.mikopbx.serving import Call
from dialer.model.audit import Change, said_of
from dialer.model.safe import phone_id_of
from dialer.store.audit import audited
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
EXAMPLE: list[Any] = [
    {
        "crmId": "000000012",
        "name": "Анна",
        "phones": ["79522233446", "+7 (952) 223-34-16"],
        "properties": [{"key": "debt", "value": "1250,50 руб."}],
    }
]
MAX_PROPERTIES = 500


def _phone(value: Any) -> str:
    """A phone as text or number, as a reply shows it, {"phone": …}, or as a task lists it, {"number": …}."""
    return phone_of(value.get("phone", value.get("number")) if isinstance(value, dict) else value)


def _listed_phones(value: Any) -> Any:
    """One phone is a list of one."""
    value = none_if_blank(whole(value))
    value = [value] if isinstance(value, str | int) and not isinstance(value, bool) else value
    return _within(MAX_PHONES, as_list(value))


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
        return _within(MAX_PROPERTIES, value)
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
    value = whole(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _not_blank(value: str) -> str:
    if not value:
        raise ValueError("missing")
    return value


def _listed_clients(value: Any) -> Any:
    """One client is a list of one."""
    if isinstance(value, dict) and as_list(value) is value:
        return [value]
    return value if value is None else _within(MAX_CLIENTS, as_list(value))


_PHONE: tuple[Schema, ...] = (
    *PHONE_SCHEMAS,
    {"type": "object", "required": ["phone"], "properties": {"phone": {"anyOf": list(PHONE_SCHEMAS)}}},
    {
        "type": "object",
        "required": ["number"],
        "properties": {"number": {"anyOf": list(PHONE_SCHEMAS)}, "phone": {"not": {}}},
    },
)
_VALUE: Schema = {"anyOf": [text_schema(20_000), {"type": ["number", "null"]}]}
_KEY = text_schema(500, min_length=1)
_PAIR: Schema = {
    "type": "object",
    "required": ["key"],
    "properties": {
        "key": {"anyOf": [_KEY, INTEGER], "description": "The name that texts use"},
        "value": {**_VALUE, "description": "What is said for it; null: nothing"},
    },
}
_PHONES = ListSchema(most=MAX_PHONES, others=(*PHONE_SCHEMAS, BLANK)).around({"anyOf": list(_PHONE)})
_PROPERTIES = ListSchema(
    most=MAX_PROPERTIES,
    others=(
        BLANK,
        {"type": "object", "propertyNames": _KEY, "additionalProperties": _VALUE, "maxProperties": MAX_PROPERTIES},
    ),
).around(_PAIR)

CrmId = Annotated[
    Id,
    AfterValidator(_not_blank),
    BeforeValidator(lambda value: "" if value is None else value),
    one_of(text_schema(100, min_length=1), INTEGER),
]
Phone = Annotated[str, BeforeValidator(_phone)]
Value = Annotated[Text, BeforeValidator(_property_text)]
Key = Annotated[Name, AfterValidator(_not_blank)]


class ClientBody(BaseModel):
    """A client of the CRM: who it is, how it is called, what texts may say of it."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    crmId: CrmId
    """The CRM's id; a known one is replaced."""
    name: MaybeName = None
    """The property NAME. Not said: as it is stored."""
    phones: Annotated[tuple[Phone, ...], BeforeValidator(_listed_phones), one_of(_PHONES)]
    """Its telephones: numbers, or objects with `phone` or `number`; one alone needs no list."""
    properties: Annotated[dict[Key, Value], BeforeValidator(_as_object), one_of(_PROPERTIES)] = Field(
        default_factory=dict
    )
    """Values for `<key>` in a polling's texts, or an object of them by key."""

    def change(self) -> ClientChange:
        phones = tuple(ClientPhone(phone, phone_id_of(phone)) for phone in self.phones)
        return ClientChange(self.crmId, self.name, phones, self.properties)


class ClientList(ListSchema):
    """A list of clients, or one."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        one = handler(core_schema)["items"]
        return {"anyOf": [*self.around(one)["anyOf"], one]}


class ClientsBody(
    RootModel[Annotated[tuple[ClientBody, ...], ClientList(most=MAX_CLIENTS), BeforeValidator(_listed_clients)]]
):
    """Clients, all stored or none; one alone needs no list."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class ClientPath(Nothing):
    """A client by the CRM's id."""

    crmId: PathId
    """The CRM's id of the client."""


class PhonePath(Nothing):
    """A telephone number."""

    phone: Annotated[
        str, BeforeValidator(phone_of), WithJsonSchema({**PHONE_SCHEMAS[0], "$comment": "telephone number"})
    ]
    """As a task lists it: with spaces, brackets, hyphens or without; the last ten digits count."""


class Clients:
    """The directory of clients."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoints(self) -> tuple[Endpoint[Any, Any, Any], ...]:
        return (
            Endpoint("POST", "/client", self.post, "Create clients, or replace those with these crmIds",
                     answers(list[ClientShown]), body_model=ClientsBody, once=True),
            Endpoint("DELETE", "/client/{crmId}", self.delete, "Delete a client; who is not there counts as deleted",
                     answers(NoData), path_model=ClientPath),
            Endpoint("GET", "/client-by-phone/{phone}", self.get_by_phone,
                     "The properties of the client with this telephone; an unknown one has none",
                     answers(list[PropertyShown]), path_model=PhonePath),
        )  # fmt: skip

    async def post(self, call: Call[Nothing, Nothing, ClientsBody]) -> list[dict[str, Any]]:
        changes = [one.change() for one in call.body.root]
        told = Change("client.save", ", ".join(one.crm_id for one in changes[:5]), said_of({"clients": len(changes)}))
        saved = await self._store.write(
            call.once(audited(save_clients(changes), lambda saved: told if saved else None), _clients)
        )
        return _clients(saved)

    async def delete(self, call: Call[ClientPath, Nothing, None]) -> tuple[()]:
        gone = Change("client.delete", call.path.crmId)
        await self._store.write(audited(delete_client(call.path.crmId), lambda done: gone if done else None))
        return ()

    async def get_by_phone(self, call: Call[PhonePath, Nothing, None]) -> list[dict[str, object]]:
        phone_id = phone_id_of(call.path.phone)
        return _pairs(await self._store.read(lambda connection: fetch_properties(connection, phone_id)))


def _clients(saved: Sequence[Client]) -> list[dict[str, Any]]:
    return [_client(one) for one in saved]


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
