"""Fields that several calls of the console take."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from dialer.api.mikopbx.fields import text_schema
from dialer.model.outcome import Outcome

SEARCH_CHARS = 100


def _search(text: str) -> str:
    if len(text) > SEARCH_CHARS or "\0" in text:
        raise ValueError(f"{SEARCH_CHARS} characters at most expected, without NUL")
    return text.strip()


QuerySearch = Annotated[str, AfterValidator(_search), WithJsonSchema(text_schema(SEARCH_CHARS))]


def _outcome(text: str) -> Outcome | None:
    if text == "":
        return None
    try:
        return Outcome(text)
    except ValueError:
        raise ValueError(f"a result such as FAIL_POLLING expected, got {text[:60]!r}") from None


QueryOutcome = Annotated[
    Outcome | None,
    BeforeValidator(_outcome),
    WithJsonSchema({"type": "string", "enum": ["", *(one.value for one in Outcome)]}),
]


def choice(*values: str) -> AfterValidator:
    """One of these, or nothing."""

    def check(text: str) -> str:
        if text not in ("", *values):
            raise ValueError(f"{' or '.join(values)} expected, got {text[:60]!r}")
        return text

    return AfterValidator(check)


def choice_schema(*values: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": ["", *values]})
