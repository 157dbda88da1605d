"""Receipts: what was answered to a request that named an idempotency key, stored with what the request changed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, insert, select

from dialer.store.database import Operation, Transaction
from dialer.store.schema import receipt

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is to take effect once: whose it is, the key it names, what tells it from other requests."""

    caller: str
    key: str
    digest: str


class AnsweredBeforeError(Exception):
    """The same request has been answered already; nothing was changed now."""

    def __init__(self, reply: Any) -> None:
        super().__init__("answered before")
        self.reply = reply


class KeyReusedError(Exception):
    """The sender's fault: the key was used with another request; nothing was changed."""


def check_unanswered(connection: Connection, request: Request) -> None:
    """Raises AnsweredBeforeError or KeyReusedError for a key that is known."""
    row = connection.execute(
        select(receipt.c.request_digest, receipt.c.reply).where(
            receipt.c.caller == request.caller, receipt.c.key == request.key
        )
    ).first()
    if row is None:
        return
    if row.request_digest != request.digest:
        raise KeyReusedError(f"{request.key!r} was used with another request")
    raise AnsweredBeforeError(row.reply)


def answered_once(request: Request, operation: Operation[T], render: Callable[[T], Any]) -> Operation[T]:
    """The operation with its receipt, in one transaction: both are durable, or neither. Raises AnsweredBeforeError or
    KeyReusedError, and then changes nothing."""

    def with_receipt(tx: Transaction) -> T:
        check_unanswered(tx.connection, request)
        result = operation(tx)
        tx.connection.execute(
            insert(receipt).values(
                caller=request.caller,
                key=request.key,
                request_digest=request.digest,
                reply=render(result),
                created_us=tx.now_us,
            )
        )
        return result

    return with_receipt


def forget_receipts(older_than_s: float) -> Operation[int]:
    """Delete receipts older than this; return how many."""

    def operation(tx: Transaction) -> int:
        before_us = tx.now_us - round(older_than_s * 1_000_000)
        return tx.connection.execute(delete(receipt).where(receipt.c.created_us < before_us)).rowcount

    return operation
