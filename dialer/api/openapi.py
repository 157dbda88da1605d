"""GET /openapi.json: OpenAPI 3.1, made from the declared endpoints."""

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from dialer.api.endpoint import Answer, Endpoint, Group
from dialer.api.schemas import InOrder, make_readable

Json = dict[str, Any]
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A request that is sent again with the same key gets the first reply and stores nothing; for a day",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "$comment": "1 to 255 visible ASCII characters"},
}
_MODE: JsonSchemaMode = "validation"
_REGEX_IN_PATH = re.compile(r"\{(\w+):[^{}]*\}")


def shown_path(group: Group, endpoint: Endpoint[Any, Any, Any]) -> str:
    """The whole path with `{name}` for its fields."""
    return group.base + _REGEX_IN_PATH.sub(r"{\1}", endpoint.path)


def describe(groups: Iterable[Group], common: dict[int, Answer]) -> Json:
    """The document. `common`: what any call may answer beside its own answers."""
    groups = list(groups)
    types = {id(model): model for group in groups for one in group.endpoints for model in _models(one)}
    types.update({id(answer.model): answer.model for answer in common.values() if answer.model is not None})
    schemas, definitions = TypeAdapter.json_schemas(
        [(key, _MODE, TypeAdapter(model)) for key, model in types.items()],
        ref_template="#/components/schemas/{model}",
        schema_generator=InOrder,
    )
    refs = {key: schema for (key, _), schema in schemas.items()}
    paths: Json = {}
    for group in groups:
        for one in group.endpoints:
            paths.setdefault(shown_path(group, one), {})[one.method.lower()] = _operation(group, one, common, refs)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "autodialer",
            "version": version("autodialer"),
            "description": "Auto-dialer for Asterisk. Replies are HTTP 200 in an envelope, refusals too: `result` "
            "tells, `messages` name field and reason. Unknown fields are ignored.",
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "made by `dialer apikey add NAME`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "PHPSESSID"},
            },
        },
    }
    document = deepcopy(document)  # parts of it are the models' own
    make_readable(document)
    return document


def served_calls(groups: Iterable[Group]) -> set[tuple[str, str]]:
    """Method and path, as the document shows them, of every call."""
    return {(one.method, shown_path(group, one)) for group in groups for one in group.endpoints}


def operation_id(endpoint: Endpoint[Any, Any, Any]) -> str:
    """A name for programs, made of method and path: `getTaskById`."""
    path = _REGEX_IN_PATH.sub(r"{\1}", endpoint.path).replace("{", "by-")
    return endpoint.method.lower() + "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", path))


def _models(endpoint: Endpoint[Any, Any, Any]) -> Iterator[Any]:
    if endpoint.body_model is not None:
        yield endpoint.body_model
    for answer in endpoint.answers.values():
        yield from (model for model in (answer.model, *answer.others.values()) if model is not None)


def _operation(
    group: Group, endpoint: Endpoint[Any, Any, Any], common: dict[int, Answer], refs: dict[int, Json]
) -> Json:
    operation: Json = {"operationId": operation_id(endpoint), "tags": [group.name], "summary": endpoint.summary}
    parameters = [*_parameters(endpoint.path_model, "path"), *_parameters(endpoint.query_model, "query")]
    if endpoint.once:
        parameters.append(IDEMPOTENCY_KEY)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body_model is not None:
        content = {"application/json": {"schema": refs[id(endpoint.body_model)]}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.form is not None:
        form = {
            "type": "object",
            "properties": dict(endpoint.form.properties),
            "required": list(endpoint.form.required),
        }
        operation["requestBody"] = {"required": True, "content": {endpoint.form.media_type: {"schema": form}}}
    if endpoint.open_to_all:
        operation["security"] = []
    else:
        operation["description"] = f"For callers with the role {endpoint.needs.value}."
    answers = {**common, **endpoint.answers}
    operation["responses"] = {
        str(status): _response(answer, refs)
        for status, answer in sorted(answers.items())
        if status in endpoint.answers or _can_answer(endpoint, status)
    }
    return operation


def _can_answer(endpoint: Endpoint[Any, Any, Any], status: int) -> bool:
    """Whether one of the common answers is possible here."""
    takes_body = endpoint.body_model is not None or endpoint.form is not None
    if status in (401, 403):
        return not endpoint.open_to_all
    return takes_body if status in (408, 413, 415, 417) else True


def _response(answer: Answer, refs: dict[int, Json]) -> Json:
    models = {answer.media_type: answer.model, **answer.others}
    content = {kind: {"schema": {} if model is None else refs[id(model)]} for kind, model in models.items()}
    return {"description": answer.meaning, "content": content}


def _parameters(model: type[BaseModel], place: str) -> list[Json]:
    schema = model.model_json_schema(mode=_MODE)
    parameters = []
    for name, one in schema.get("properties", {}).items():
        described = {key: value for key, value in one.items() if key != "description"}
        parameters.append(
            {
                "name": name,
                "in": place,
                "required": place == "path",
                "description": one.get("description", ""),
                "schema": described,
            }
        )
    return parameters
