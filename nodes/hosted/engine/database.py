"""Opens the state database: SQLite in WAL mode unless an operator names another, its schema kept current by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy import Engine as Database
from sqlalchemy.exc import InterfaceError, OperationalError
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_random,
)

T = TypeVar("T")

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_MS = 30_000
_TURNED = Retrying(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(_BUSY_MS / 1000),
    reraise=True,
)
_INSISTED = Retrying(
    retry=retry_if_exception_type((OperationalError, InterfaceError)),
    wait=wait_exponential(multiplier=0.1),
    stop=stop_after_attempt(5),
    reraise=True,
)


def open_database(url: str) -> Database:
    """A database at ``url`` with the current schema. Raises what SQLAlchemy or the driver raises."""
    location = make_url(url)
    is_sqlite = location.get_backend_name() == "sqlite"
    if is_sqlite and location.database:
        Path(location.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = create_engine(location, pool_pre_ping=not is_sqlite)
    if is_sqlite:
        event.listen(database, "connect", _prepare_sqlite)
        event.listen(database, "begin", _begin_sqlite)
    _migrate(database)
    return database


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


def insist(step: Callable[..., T], *values: Any, **named: Any) -> T:
    """What ``step`` gives, which may be repeated; tried again where the database was away for a moment.

    What a provider has just been paid for must not be lost with one broken connection.
    """
    return _INSISTED.copy()(step, *values, **named)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin too late for "read, decide, write" to be one step.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    # Of two that turn a new file to WAL at once, SQLite refuses one at once, whatever the time-out.
    for attempt in _TURNED.copy():
        with attempt:
            connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def take_turns(connection: Connection, what: str) -> None:
    """Let one transaction at a time do ``what`` from here to its end. SQLite's transactions take turns as they begin."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": what})


def _migrate(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with database.begin() as connection:
        # Several machines of a fleet may start at once.
        take_turns(connection, "easel-schema")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
