"""An address -> an engine over a database at the present version.

In: a path, or a URL of SQLite or PostgreSQL. Out: an engine; the tables made or brought up to date by Alembic. Refuses
a database that a newer wenze has written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from nlp.review import ReviewError

VERSION_TABLE = "review_version"
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 15
_LOCK = 0x77656E7A65  # one migration at a time: "wenze"
_HEX = 40


def beside(scored: Path) -> str:
    """The database of a scored file where none is named: the file beside it."""
    return str(scored.with_name(f"{scored.name}.review.db"))


def address(database: str) -> sa.URL:
    """The SQLAlchemy URL of a path, of ``sqlite:///…``, or of ``postgresql://…``, whatever its driver."""
    if "://" not in database:
        return sa.URL.create("sqlite", database=database)
    scheme, _, rest = database.partition("://")
    kind = scheme.partition("+")[0]
    if kind in ("postgresql", "postgres"):
        return sa.make_url(f"postgresql+psycopg://{rest}")
    if kind != "sqlite":
        raise ReviewError(f"不认识数据库 {kind}。--database 可以是文件名，或 postgresql://用户:口令@主机/库名")
    return sa.make_url(database)


def engine(database: str) -> sa.Engine:
    """An engine over the database, which is made or migrated first. ReviewError when it cannot be used."""
    url = address(database)
    made = sa.create_engine(url, **_options(url))
    if url.get_backend_name() == "sqlite":
        event.listen(made, "connect", _sqlite_settings)
    try:
        migrate(made)
    except ReviewError:
        made.dispose()
        raise
    except sa.exc.DBAPIError as error:
        made.dispose()
        told = url.render_as_string(hide_password=True)
        raise ReviewError(f"打不开数据库 {told}：{_first_line(error.orig)}。请检查地址、口令与权限") from error
    return made


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["没有说明"])[0]


def _options(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": _BUSY_SECONDS}}


def _sqlite_settings(connection: Any, _: object) -> None:
    for setting in ("journal_mode = WAL", f"busy_timeout = {_BUSY_SECONDS * 1000}", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def migrate(made: sa.Engine, version: str = "head") -> None:
    """Bring the tables to a version, one process at a time."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    with made.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        told = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        here = told.get_current_revision()
        if here is not None and here not in known:
            raise ReviewError(
                f"数据库的版本是 {here[:_HEX]}，比这个 wenze 认得的（{max(known)}）新。"
                "请用写下它的那个版本的 wenze，或升级：pip install -U 'wenze[review]'"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, version)
