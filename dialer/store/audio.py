"""Uploaded sound files by name."""

import posixpath
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from dialer.model.polling import Press
from dialer.model.rules import as_rules
from dialer.model.task import TaskState
from dialer.store.database import Operation, Transaction
from dialer.store.schema import audio, polling, question, task

_NAMES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StoredAudio:
    audio_id: int
    name: str
    size_bytes: int
    changed_us: int


class AudioInUseError(Exception):
    """A stored polling, or a task that is not closed, still plays the file."""

    def __init__(self, user: str) -> None:
        super().__init__(f"the file is played by {user}")


def plain_reference(reference: str) -> str:
    """A file as a polling names it, in the one spelling that is compared: macOS sends й as two characters."""
    plain = unicodedata.normalize("NFC", reference)
    return posixpath.normpath(plain) if plain.startswith("/") else plain


def find_missing(connection: Connection, references: Iterable[str]) -> str | None:
    """The first of these names of uploaded files that there is none of. Full paths are not looked at."""
    names = {plain_reference(one): one for one in references if not one.startswith("/")}
    known = connection.execute(select(audio.c.name).where(audio.c.name.in_(names))).scalars()
    missing = names.keys() - set(known)
    return names[min(missing)] if missing else None


def fetch_known(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those of the names that there are files of."""
    found: set[str] = set()
    for start in range(0, len(names), _NAMES_AT_ONCE):
        some = audio.c.name.in_(names[start : start + _NAMES_AT_ONCE])
        found.update(connection.execute(select(audio.c.name).where(some)).scalars())
    return found


def save_audio(name: str, size: int, owner: str = "") -> Operation[int]:
    """Note a file of `size` bytes; returns its id. The same name keeps its id."""
    return lambda tx: _save(tx, name, size, owner)


def _save(tx: Transaction, name: str, size: int, owner: str) -> int:
    values = {"size_bytes": size, "changed_us": tx.now_us}
    known = find_audio(tx.connection, name)
    if known is not None:
        tx.connection.execute(update(audio).where(audio.c.id == known.audio_id).values(values))
        return known.audio_id
    return int(
        tx.connection.execute(insert(audio).values(name=name, owner=owner, **values).returning(audio.c.id)).scalar_one()
    )


def delete_audio(name: str, path: str, owner: str = "") -> Operation[bool]:
    """False: the owner has no such file. Raises AudioInUseError while a stored polling or a task that is not closed
    plays it, by its name or its path."""
    return lambda tx: _delete(tx.connection, name, path, owner)


def _delete(connection: Connection, name: str, path: str, owner: str) -> bool:
    own = select(audio.c.id).where(audio.c.name == name, audio.c.owner == owner)
    known = find_audio(connection, name)
    if known is None or connection.execute(own).first() is None:
        return False
    references = {name, path}
    users = connection.execute(
        select(polling.c.crm_id, question.c.file, question.c.press)
        .join(question, question.c.polling_id == polling.c.id)
        .order_by(polling.c.id)
    )
    for user in users:
        presses = [Press.from_json(press) for press in user.press]
        played = [user.file, *(one.value for one in presses if one.plays_file)]
        if references & {plain_reference(one) for one in played if one}:
            raise AudioInUseError(f"polling {user.crm_id!r}")
    tasks = connection.execute(select(task.c.id, task.c.rules).where(task.c.state != TaskState.CLOSED.value))
    for one in tasks.all():
        rules = as_rules(one.rules)
        if references & {plain_reference(file) for file in (rules.apology_file, rules.amd_message_file) if file}:
            raise AudioInUseError(f"task {one.id}")
    connection.execute(delete(audio).where(audio.c.id == known.audio_id))
    return True


def fetch_audio(connection: Connection) -> list[StoredAudio]:
    """Those that no other facade's account owns."""
    rows = connection.execute(select(audio).where(audio.c.owner == "").order_by(audio.c.id))
    return [StoredAudio(row.id, row.name, row.size_bytes, row.changed_us) for row in rows]


def find_audio(connection: Connection, name: str) -> StoredAudio | None:
    row = connection.execute(select(audio).where(audio.c.name == name)).first()
    return None if row is None else StoredAudio(row.id, row.name, row.size_bytes, row.changed_us)
