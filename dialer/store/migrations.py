"""From any earlier version of the schema to the current one. SQLite only: the version is its `PRAGMA user_version`."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dialer.store.errors import DatabaseRefusedError, sqlite_code
from dialer.store.schema import SCHEMA_VERSION, sqlite_statements

log = logging.getLogger(__name__)
MIGRATIONS: Mapping[int, Sequence[str]] = {
    2: (
        "DROP TRIGGER attempt_result_is_final",
        "CREATE TRIGGER attempt_is_final BEFORE UPDATE ON attempt "
        "WHEN OLD.closed_us IS NOT NULL BEGIN SELECT RAISE(ABORT, 'the attempt already has its result'); END",
        "CREATE TRIGGER attempt_values BEFORE UPDATE OF state, result ON attempt WHEN NEW.state NOT IN "
        "('CreateTask', 'CreateCallFile', 'afterDialOut', 'startDial', 'EVENT_POLLING', 'EVENT_POLLING_END', "
        "'endCall', 'failedOriginate', 'allUserBusy') OR NEW.result NOT IN ('SUCCESS_POLLING', 'FAIL_POLLING', "
        "'SUCCESS_CLIENT_H', 'SUCCESS_USER_H', 'SUCCESS', 'FAIL_USER_BUSY', 'FAIL_USER_NO_ANSWER', "
        "'FAIL_CLIENT_H_BEFORE_ANSWER', 'FAIL_ROUTE', 'FAIL_PROVIDER', 'FAIL') "
        "BEGIN SELECT RAISE(ABORT, 'no such state or result'); END",
    ),
    3: (
        "ALTER TABLE task ADD COLUMN record_talk INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN recording VARCHAR",
        "CREATE TABLE audio ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name VARCHAR NOT NULL, "
        "size_bytes BIGINT NOT NULL, changed_us BIGINT NOT NULL, UNIQUE (name) )",
        "CREATE TABLE client ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, crm_id VARCHAR NOT NULL, "
        "name TEXT NOT NULL, properties JSON NOT NULL, changed_us BIGINT NOT NULL, UNIQUE (crm_id) )",
        "CREATE TABLE client_phone ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, "
        "phone_id VARCHAR NOT NULL, phone VARCHAR NOT NULL, UNIQUE (client_id, phone_id), "
        "FOREIGN KEY(client_id) REFERENCES client (id) ON DELETE CASCADE )",
        "CREATE INDEX ix_client_phone_client_id ON client_phone (client_id)",
        "CREATE INDEX ix_client_phone_phone_id ON client_phone (phone_id)",
    ),
    4: (
        "ALTER TABLE task ADD COLUMN notify_url TEXT",
        "CREATE TABLE event ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, event_id VARCHAR NOT NULL, "
        "kind VARCHAR NOT NULL, task_id INTEGER NOT NULL, phone_id VARCHAR NOT NULL, url TEXT NOT NULL, "
        "content JSON NOT NULL, created_us BIGINT NOT NULL, due_us BIGINT, first_tried_us BIGINT, "
        "tries INTEGER NOT NULL, last_error TEXT, dead_us BIGINT, UNIQUE (event_id) )",
        "CREATE INDEX event_due ON event (url, due_us) WHERE dead_us IS NULL AND due_us IS NOT NULL",
        "CREATE INDEX event_number ON event (url, task_id, phone_id, id) WHERE dead_us IS NULL",
        "CREATE INDEX event_age ON event (url, created_us) WHERE dead_us IS NULL",
        "CREATE INDEX event_dead ON event (id) WHERE dead_us IS NOT NULL",
        "CREATE TABLE api_key ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name VARCHAR NOT NULL, "
        "role VARCHAR NOT NULL, digest VARCHAR NOT NULL, created_us BIGINT NOT NULL, used_us BIGINT, "
        "UNIQUE (name), UNIQUE (digest) )",
        "CREATE TABLE session ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, digest VARCHAR NOT NULL, "
        "login VARCHAR NOT NULL, password_mark VARCHAR NOT NULL, address VARCHAR NOT NULL, "
        "created_us BIGINT NOT NULL, expires_us BIGINT NOT NULL, UNIQUE (digest) )",
        "CREATE INDEX ix_session_expires_us ON session (expires_us)",
        "CREATE TABLE receipt ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, caller VARCHAR NOT NULL, "
        '"key" VARCHAR NOT NULL, request_digest VARCHAR NOT NULL, reply JSON NOT NULL, '
        'created_us BIGINT NOT NULL, UNIQUE (caller, "key") )',
        "CREATE INDEX ix_receipt_created_us ON receipt (created_us)",
    ),
    5: (
        "ALTER TABLE task ADD COLUMN rules JSON DEFAULT '{}' NOT NULL",
        "ALTER TABLE task ADD COLUMN spent_u BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN client_id VARCHAR",
        "ALTER TABLE attempt ADD COLUMN zone VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE attempt ADD COLUMN due_us BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN until_us BIGINT",
        "ALTER TABLE attempt ADD COLUMN held INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN signalled INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN unlisted INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN callback INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE attempt ADD COLUMN caller_id VARCHAR",
        "ALTER TABLE attempt ADD COLUMN talked_s INTEGER",
        "ALTER TABLE attempt ADD COLUMN cost_u BIGINT",
        "ALTER TABLE attempt ADD COLUMN not_before_us BIGINT DEFAULT 0 NOT NULL",
        "DROP INDEX attempt_queued",
        "CREATE INDEX attempt_ready ON attempt (task_id, held, zone, due_us, id) "
        "WHERE state = 'CreateTask' AND closed_us IS NULL",
        "CREATE INDEX attempt_until ON attempt (until_us) "
        "WHERE state = 'CreateTask' AND closed_us IS NULL AND until_us IS NOT NULL",
        "CREATE INDEX attempt_client ON attempt (task_id, client_id) WHERE closed_us IS NULL AND client_id IS NOT NULL",
        "CREATE TABLE stop_number ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL, "
        "phone_id VARCHAR NOT NULL, phone VARCHAR NOT NULL, reason TEXT NOT NULL, created_us BIGINT NOT NULL, "
        "UNIQUE (task_id, phone_id) )",
        "CREATE INDEX stop_phone ON stop_number (phone_id)",
        "CREATE TABLE dialled ( day INTEGER NOT NULL, phone_id VARCHAR NOT NULL, times INTEGER NOT NULL, "
        "PRIMARY KEY (day, phone_id) )",
        "DROP TRIGGER attempt_values",
        "CREATE TRIGGER attempt_values BEFORE UPDATE OF state, result ON attempt WHEN NEW.state NOT IN "
        "('CreateTask', 'CreateCallFile', 'afterDialOut', 'startDial', 'EVENT_POLLING', 'EVENT_POLLING_END', "
        "'endCall', 'failedOriginate', 'allUserBusy') OR NEW.result NOT IN ('SUCCESS_POLLING', 'FAIL_POLLING', "
        "'SUCCESS_CLIENT_H', 'SUCCESS_USER_H', 'SUCCESS', 'SUCCESS_ANOTHER_PHONE', 'SUCCESS_EXTERNAL_SIGNAL', "
        "'FAIL_USER_BUSY', 'FAIL_USER_NO_ANSWER', 'FAIL_CLIENT_H_BEFORE_ANSWER', 'FAIL_USER_H_BEFORE_CLIENT_ANSWER', "
        "'FAIL_ROUTE', 'FAIL_PROVIDER', 'FAIL') BEGIN SELECT RAISE(ABORT, 'no such state or result'); END",
    ),
    6: (
        "ALTER TABLE task ADD COLUMN owner VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE audio ADD COLUMN owner VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE attempt ADD COLUMN ring_timeout_s INTEGER",
        "ALTER TABLE attempt ADD COLUMN employee VARCHAR",
        "ALTER TABLE attempt ADD COLUMN employee_talked_s INTEGER",
        "ALTER TABLE attempt ADD COLUMN employee_cost_u BIGINT",
        "CREATE TABLE script ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, owner VARCHAR NOT NULL, "
        "name TEXT NOT NULL, listed INTEGER NOT NULL, content JSON NOT NULL, created_us BIGINT NOT NULL )",
        "CREATE INDEX ix_script_owner ON script (owner)",
    ),
    7: (
        "CREATE TABLE console_user ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, login VARCHAR NOT NULL, "
        "role VARCHAR NOT NULL, password_hash VARCHAR NOT NULL, created_us BIGINT NOT NULL, UNIQUE (login) )",
        "CREATE TABLE audit ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, time_us BIGINT NOT NULL, "
        "who VARCHAR NOT NULL, address VARCHAR NOT NULL, action VARCHAR NOT NULL, target TEXT NOT NULL, "
        "detail TEXT NOT NULL )",
        'CREATE TABLE meta ( "key" VARCHAR NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key") )',
        "INSERT INTO meta (key, value) VALUES ('lineage', 'old-' || lower(hex(randomblob(16)))), "
        "('branch', lower(hex(randomblob(16))))",
    ),
}
"""For each version the statements that make it out of the one before. What was released is never edited: a change of
schema.py needs a new version here, and a dump of the old one (`python -m tests.store.dump`)."""

_STATEMENT_IS_WRONG = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT)


def check_version(connection: sqlite3.Connection, database: str) -> int:
    """Return the schema version, 0 for an empty file. Raises DatabaseRefusedError for what is newer or not ours."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if version > SCHEMA_VERSION:
        raise DatabaseRefusedError(
            f"{database} has schema version {version}; this dialer knows {SCHEMA_VERSION}: "
            "install the newer dialer or give another [store] url"
        )
    ours = tables.issuperset({"task", "attempt"}) if version > 0 else not tables and version == 0
    if not ours:
        raise DatabaseRefusedError(f"{database} is a database of some other program: give another [store] url")
    return version


def migrate(connection: sqlite3.Connection, database: str) -> None:
    """Bring the database to the current version, one transaction a version: a failure leaves the version before it."""
    while _step(connection, database) < SCHEMA_VERSION:
        pass


def _step(connection: sqlite3.Connection, database: str) -> int:
    with _alone(connection):
        version = check_version(connection, database)
        if version == SCHEMA_VERSION:
            return version
        new_version = version + 1 if version else SCHEMA_VERSION
        try:
            for statement in MIGRATIONS[new_version] if version else sqlite_statements():
                connection.execute(statement)
        except sqlite3.Error as error:
            if sqlite_code(error) not in _STATEMENT_IS_WRONG:
                raise
            raise DatabaseRefusedError(
                f"{database} cannot be upgraded from schema version {version} to {new_version}: {error}; "
                f"it stays as it was: go back to the dialer that knows version {version}, and tell us"
            ) from error
        connection.execute(f"PRAGMA user_version = {new_version}")
    if version:
        log.info("%s: schema version %d, upgraded from %d", database, new_version, version)
    else:
        log.warning("%s: schema version %d, made anew: neither tasks nor results", database, new_version)
    return new_version


@contextmanager
def _alone(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction with the write lock from its begin: who starts at the same time waits, then finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()  # sqlite3's own: no error when SQLite has rolled back already
        raise
