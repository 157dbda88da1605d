"""Tables. Their version is `SCHEMA_VERSION`, kept in SQLite's `PRAGMA user_version`."""

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from dialer.model.attempt import AttemptState
from dialer.model.outcome import Outcome

SCHEMA_VERSION = 7
"""Raised with every change below; `migrations.py` then gets the way from the version before."""

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")
# sqlite_autoincrement: an id is never given twice, also after a deletion

polling = Table(
    "polling",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("crm_id", String, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    sqlite_autoincrement=True,
)

question = Table(
    "question",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("polling_id", _Id, ForeignKey("polling.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("question_id", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("file", Text),
    Column("lang", String, nullable=False),
    Column("next_question", String),
    Column("def_press", String),
    Column("timeout_ms", Integer, nullable=False),
    Column("press", JSON, nullable=False),
    UniqueConstraint("polling_id", "question_id"),
    sqlite_autoincrement=True,
)

script = Table(
    "script",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("owner", String, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("content", JSON, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
# owner: the account of a facade that made it; a task's and a sound file's: likewise, empty: the PBX's own. listed: 0:
# made for one task. content: in the words of its facade, whose compiler makes a call flow of it.

task = Table(
    "task",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("crm_id", String, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("state", Integer, nullable=False, index=True),
    Column("inner_num", String, nullable=False),
    Column("inner_num_type", String, nullable=False),
    Column("max_count_channels", Integer, nullable=False),
    Column("dial_prefix", String, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("record_talk", Integer, server_default=text("0"), nullable=False),
    Column("notify_url", Text),
    Column("rules", JSON, server_default=text("'{}'"), nullable=False),
    Column("spent_u", BigInteger, server_default=text("0"), nullable=False),
    Column("owner", String, server_default=text("''"), nullable=False),
    sqlite_autoincrement=True,
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", _Id, nullable=False),
    Column("attempt_number", Integer, nullable=False, default=1),
    Column("phone_id", String, nullable=False),
    Column("phone", String, nullable=False),
    Column("params", JSON(none_as_null=True)),
    Column("state", String, nullable=False),
    Column("result", String),
    Column("cause", Text),
    Column("out_dial_state", String),
    Column("in_dial_state", String),
    Column("linked_id", String),
    Column("verbose_call_id", String),
    Column("call_file", String),
    Column("changed_us", BigInteger, nullable=False),
    Column("closed_us", BigInteger),
    Column("recording", String),
    Column("client_id", String),
    Column("zone", String, server_default=text("''"), nullable=False),
    Column("due_us", BigInteger, server_default=text("0"), nullable=False),
    Column("until_us", BigInteger),
    Column("held", Integer, server_default=text("0"), nullable=False),
    Column("signalled", Integer, server_default=text("0"), nullable=False),
    Column("unlisted", Integer, server_default=text("0"), nullable=False),
    Column("callback", Integer, server_default=text("0"), nullable=False),
    Column("caller_id", String),
    Column("talked_s", Integer),
    Column("cost_u", BigInteger),
    Column("not_before_us", BigInteger, server_default=text("0"), nullable=False),
    Column("ring_timeout_s", Integer),
    Column("employee", String),
    Column("employee_talked_s", Integer),
    Column("employee_cost_u", BigInteger),
    # exactly one result per number and attempt: see also the triggers below
    UniqueConstraint("task_id", "phone_id", "attempt_number"),
    CheckConstraint("(result IS NULL) = (closed_us IS NULL)", name="closed_with_result"),
    sqlite_autoincrement=True,
)
# zone: of the subscriber, empty: the PBX's. due_us: not dialled before; 0: at once. held: another number of the same
# client is tried before this one. signalled: the CRM has said that the number is done while its call was in progress.
# unlisted: no further attempt, decided while its call was in progress; `HUNG_UP`: and the call was ended. callback: its
# call rang the employee first. cost_u: millionths of the currency. not_before_us: what the list says; due_us is never
# before it. ring_timeout_s: null: the task's. employee: the telephone that a dialogue called last, and what the talk
# with it has taken and cost.
# The queue and the calls in progress are found without looking at finished rows. The literals are literals in the
# queries too: SQLite does not use a partial index for a bound parameter.
UNLISTED, HUNG_UP = 1, 2
QUEUED = and_(attempt.c.state == literal_column("'CreateTask'"), attempt.c.closed_us.is_(None))
TRIED = attempt.c.state != literal_column("'CreateTask'")
IN_PROGRESS = and_(attempt.c.state != literal_column("'CreateTask'"), attempt.c.closed_us.is_(None))
Index("attempt_changed", attempt.c.changed_us, attempt.c.id, sqlite_where=TRIED, postgresql_where=TRIED)
READY = and_(QUEUED, attempt.c.held == literal_column("0"))
_QUEUE = (attempt.c.task_id, attempt.c.held, attempt.c.zone, attempt.c.due_us, attempt.c.id)
Index("attempt_ready", *_QUEUE, sqlite_where=QUEUED, postgresql_where=QUEUED)
MORTAL = and_(QUEUED, attempt.c.until_us.is_not(None))
Index("attempt_until", attempt.c.until_us, sqlite_where=MORTAL, postgresql_where=MORTAL)
OF_CLIENT = and_(attempt.c.closed_us.is_(None), attempt.c.client_id.is_not(None))
Index("attempt_client", attempt.c.task_id, attempt.c.client_id, sqlite_where=OF_CLIENT, postgresql_where=OF_CLIENT)
Index("attempt_in_progress", attempt.c.task_id, sqlite_where=IN_PROGRESS, postgresql_where=IN_PROGRESS)

answer = Table(
    "answer",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("attempt_id", _Id, nullable=False),
    Column("task_id", _Id, nullable=False, index=True),
    Column("polling_id", _Id, nullable=False),
    Column("question_id", String, nullable=False),
    Column("phone_id", String, nullable=False),
    Column("phone", String, nullable=False),
    Column("result", Text, nullable=False),
    Column("exten", String, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("answer_changed", answer.c.changed_us, answer.c.id)
Index("answer_attempt", answer.c.attempt_id)

audio = Table(
    "audio",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("owner", String, server_default=text("''"), nullable=False),
    sqlite_autoincrement=True,
)

client = Table(
    "client",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("crm_id", String, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

client_phone = Table(
    "client_phone",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("client_id", _Id, ForeignKey("client.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("phone_id", String, nullable=False, index=True),
    Column("phone", String, nullable=False),
    UniqueConstraint("client_id", "phone_id"),
    sqlite_autoincrement=True,
)

stop_number = Table(
    "stop_number",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", _Id, nullable=False),
    Column("phone_id", String, nullable=False),
    Column("phone", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("task_id", "phone_id"),
    sqlite_autoincrement=True,
)
Index("stop_phone", stop_number.c.phone_id)
GLOBAL = 0
"""`task_id` of a number that no task may dial."""

dialled = Table(
    "dialled",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("phone_id", String, primary_key=True),
    Column("times", Integer, nullable=False),
)
"""How often a telephone was called on a day (of the PBX's zone, from year 1), by all tasks, deleted ones too."""

event = Table(
    "event",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("task_id", _Id, nullable=False),
    Column("phone_id", String, nullable=False),
    Column("url", Text, nullable=False),
    Column("content", JSON, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("due_us", BigInteger),
    Column("first_tried_us", BigInteger),
    Column("tries", Integer, nullable=False, default=0),
    Column("last_error", Text),
    Column("dead_us", BigInteger),
    sqlite_autoincrement=True,
)
# Events that wait for delivery, and those given up. What is delivered is deleted. `due_us`: 0, or the time of the next
# try; null where an earlier event of the same number and URL waits: of those exactly one has a time.
WAITING = event.c.dead_us.is_(None)
DEAD = event.c.dead_us.is_not(None)
_OF_NUMBER = (event.c.url, event.c.task_id, event.c.phone_id, event.c.id)
_FIRST = WAITING & event.c.due_us.is_not(None)
Index("event_due", event.c.url, event.c.due_us, sqlite_where=_FIRST, postgresql_where=_FIRST)
Index("event_number", *_OF_NUMBER, sqlite_where=WAITING, postgresql_where=WAITING)
Index("event_age", event.c.url, event.c.created_us, sqlite_where=WAITING, postgresql_where=WAITING)
Index("event_dead", event.c.id, sqlite_where=DEAD, postgresql_where=DEAD)

api_key = Table(
    "api_key",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    sqlite_autoincrement=True,
)

session = Table(
    "session",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
    Column("login", String, nullable=False),
    Column("password_mark", String, nullable=False),
    Column("address", String, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
    sqlite_autoincrement=True,
)

user = Table(
    "console_user",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("login", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("time_us", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
# In the order of time, as ids are: no further index, busy CRMs write a row a request.

receipt = Table(
    "receipt",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("caller", String, nullable=False),
    Column("key", String, nullable=False),
    Column("request_digest", String, nullable=False),
    Column("reply", JSON, nullable=False),
    Column("created_us", BigInteger, nullable=False, index=True),
    UniqueConstraint("caller", "key"),
    sqlite_autoincrement=True,
)

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What a restore asks of a database (SQLite only), and what is done of lists that are stored in parts.

lineage: random, the same in all copies of it; `OLD_LINEAGE` begins that of one made before there were lineages. branch:
random anew with each restore that could not know all that was done since: of two copies of one branch the later one
knows all of the earlier. left_out: tasks that the last restore left out, and the last change of the database that it
replaced. check_due: `dialer.store.sqlite`. STAGED, and the id of a task that is not made yet: `dialer.store.staging`.
LIST_PART, a list's id and a number, and JOINING, and the id of a task: `dialer.store.joining`."""
OLD_LINEAGE = "old-"
STAGED, LIST_PART, JOINING = "staged:", "list-part:", "joining:"
OF_LISTS = (STAGED, LIST_PART, JOINING)
"""They belong to the rows beside them: a restore leaves them where they are."""


def _texts(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


# A finished row is final: no code path, however wrong, can give a second result or change how the first came about.
# Task ids count up from 1000000001.
_SQLITE_EXTRAS = (
    "CREATE TRIGGER attempt_is_final BEFORE UPDATE ON attempt "
    "WHEN OLD.closed_us IS NOT NULL BEGIN SELECT RAISE(ABORT, 'the attempt already has its result'); END",
    "CREATE TRIGGER attempt_values BEFORE UPDATE OF state, result ON attempt "
    f"WHEN NEW.state NOT IN ({_texts(AttemptState)}) OR NEW.result NOT IN ({_texts(Outcome)}) "
    "BEGIN SELECT RAISE(ABORT, 'no such state or result'); END",
    "INSERT INTO sqlite_sequence (name, seq) VALUES ('task', 1000000000)",
    "INSERT INTO meta (key, value) VALUES ('lineage', lower(hex(randomblob(16)))), "
    "('branch', lower(hex(randomblob(16))))",
)


def sqlite_statements() -> list[str]:
    """What makes an empty SQLite file a database of the current version."""
    dialect = sqlite.dialect()
    making: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        making.append(CreateTable(table))
        making += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    return [str(element.compile(dialect=dialect)) for element in making] + list(_SQLITE_EXTRAS)
