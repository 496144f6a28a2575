"""A running server, and how to reach it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from reconciler.database.embedded.cluster import SUPERUSER
from reconciler.database.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.database.embedded.cluster import Postmaster

# libpq fills in what a connection string leaves out from PG* variables. These are all those
# that could lead elsewhere or be refused here, at what they would be without the variable;
# every libpq since 14 knows them. For the rest see `environment`.
NEUTRAL = {
    "hostaddr": "",
    "options": "",
    "sslmode": "disable",
    "sslrootcert": "",
    "ssl_min_protocol_version": "",
    "ssl_max_protocol_version": "",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "target_session_attrs": "any",
    "requirepeer": "",
    "client_encoding": "UTF8",
    "connect_timeout": "10",
}


@dataclass(frozen=True)
class Server:
    """A running embedded server. Whoever can open its socket directory is its superuser."""

    pid: int
    port: int
    socket_directory: Path
    data_dir: Path
    log: Path
    throwaway: bool = False

    @classmethod
    def of(
        cls, postmaster: Postmaster, *, data_dir: Path, log: Path, throwaway: bool = False
    ) -> Server:
        """The server that a postmaster file speaks of."""
        return cls(
            postmaster.pid,
            postmaster.port,
            postmaster.socket_directory,
            data_dir,
            log,
            throwaway,
        )

    def dsn(self, database: str = "postgres") -> str:
        """A connection string that means this server whatever PG* variables are set.

        Except the few that no connection string can overrule, PGSERVICE above all: while a
        `temporary` server lives, those are out of this process's environment.
        """
        return make_conninfo(
            host=str(self.socket_directory),
            port=self.port,
            user=SUPERUSER,
            dbname=database,
            **NEUTRAL,
        )

    def url(self, database: str = "postgres") -> str:
        """A short URL for people, which psql, psycopg and most other clients understand.

        As with any URL, libpq adds what PG* variables say of the rest; `dsn` leaves no rest.
        """
        host = quote(str(self.socket_directory))
        return f"postgresql://{SUPERUSER}@:{self.port}/{quote(database, safe='')}?host={host}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of the template if one is named; returns its DSN.

        Nobody may be connected to the template meanwhile.
        """
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            if self.throwaway:
                # Files are copied in a third of the time that pages take through the log, where
                # the checkpoints before and after wait for no disk.
                statement += sql.SQL(" STRATEGY FILE_COPY")
        with self._explaining(f"create the database {name!r}"):
            self._execute(statement)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, and whatever connections it has."""
        with self._explaining(f"drop the database {name!r}"):
            self._execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def _explaining(self, what: str) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            raise EmbeddedServerError.with_log(
                f"the embedded PostgreSQL server could not {what}: {error}\nThe end of its log:",
                self.log,
                hint="If the server is gone, start it again.",
            ) from error
        except psycopg.Error as error:
            raise EmbeddedServerError(
                f"the embedded PostgreSQL server would not {what}: {error}",
                hint="Choose another name, or drop the database first.",
            ) from error
