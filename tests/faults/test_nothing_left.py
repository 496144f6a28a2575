"""Whatever the refusal: no lock, session, temporary table, process, thread or file is left."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler import planfile
from reconciler.cli import main
from reconciler.database.opening import LEDGER_VERSION
from tests.fixtures.cut import behind, dump
from tests.fixtures.shown import Variants
from tests.fixtures.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.database.embedded import Server

LEFT = """SELECT a.datname, a.state, a.query, l.mode FROM pg_stat_activity a
          LEFT JOIN pg_locks l USING (pid)
          WHERE a.backend_type = 'client backend' AND a.pid <> ALL(%s)
          UNION ALL SELECT current_database(), 'temporary', relname, NULL FROM pg_class
          WHERE relpersistence = 't'
          UNION ALL SELECT database, 'prepared', gid, NULL FROM pg_prepared_xacts"""
PERSON = "WHERE organization_id = '{target}' AND slug = 'person'"
OWN_ROW = "INSERT INTO entity_types (slug, name, organization_id) VALUES ('{new}', 'x', '{target}')"
NO_OWN_ROW = "DELETE FROM entity_types WHERE slug = '{new}' AND organization_id = '{target}'"
LEDGER = "UPDATE reconcile.setting SET value = '{}' WHERE name = 'ledger_version'"
RAISING = """
CREATE FUNCTION raising() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
CREATE TRIGGER raising BEFORE UPDATE ON entity_types EXECUTE FUNCTION raising()"""
APPLY = ("apply", "plan.json")
PLAN = ("plan", "{template}", "--target", "{target}", "--as", "user_ana", "--out", "new.json")


@dataclass(frozen=True)
class Refusal:
    """What ends a command with this code: a statement before it, which another one takes back.

    url  of the connection string, what is another one than the world's
    """

    code: int
    words: tuple[str, ...] = APPLY
    do: str = ""
    undo: str = ""
    url: dict[str, str] = field(default_factory=dict)


def _stale(code: int, *more: str) -> Refusal:
    return Refusal(
        code, (*APPLY, *more), f"UPDATE entity_types SET name = 'Own' {PERSON}",
        f"UPDATE entity_types SET name = 'person' {PERSON}",
    )  # fmt: skip


def _member(words: tuple[str, ...], code: int) -> Refusal:
    role = "UPDATE member SET role = '{}' WHERE \"organizationId\" = '{{target}}'"
    return Refusal(code, words, role.format("member"), role.format("owner"))


def _renamed(words: tuple[str, ...]) -> Refusal:
    rename = "ALTER TABLE entity_types RENAME {} TO {}"
    return Refusal(1, words, rename.format("name", "away"), rename.format("away", "name"))


REFUSALS = {
    "stale": _stale(4),
    "stale in waves": _stale(4, "--wave", "1"),
    "stale, and allowed to be": _stale(4, "--wave", "1", "--max-failures", "3"),
    "exists by now": Refusal(4, APPLY, OWN_ROW, NO_OWN_ROW),
    "a unique index that no plan knows": Refusal(
        4, APPLY, "CREATE UNIQUE INDEX odd ON entity_types (color) "
        "WHERE organization_id = '{target}'", "DROP INDEX odd",
    ),
    "conflicts": Refusal(3, PLAN, OWN_ROW, NO_OWN_ROW),
    "locked": Refusal(5, (*APPLY, "-lock-timeout=50ms"), "LOCKED"),
    "locked in waves": Refusal(5, (*APPLY, "-lock-timeout=50ms", "--wave", "1"), "LOCKED"),
    "not authorised": _member(APPLY, 6),
    "not authorised to plan": _member(PLAN, 1),
    "a trigger's own error": Refusal(1, APPLY, RAISING, "DROP FUNCTION raising CASCADE"),
    "a private template": Refusal(
        1, PLAN, "UPDATE organization SET visibility = 'private' WHERE id = '{template}'",
        "UPDATE organization SET visibility = 'public' WHERE id = '{template}'",
    ),
    "its own organisation": Refusal(1, (*PLAN, "--target", "{template}")),
    "an unknown organisation": Refusal(1, (*PLAN, "--target", "nobody")),
    "an unknown template": Refusal(1, (PLAN[0], "nothing", *PLAN[2:])),
    "a condition that is none": Refusal(1, (*PLAN, "--where", "1 = pg_sleep(9)")),
    "no directory for the plan": Refusal(1, (*PLAN[:-1], "nowhere/new.json")),
    "no such plan": Refusal(1, ("apply", "nothing.json")),
    "a plan that was cut off": Refusal(1, ("apply", "half.json")),
    "an edited plan": Refusal(1, ("apply", "edited.json")),
    "no kinds": Refusal(1, (*PLAN, "--kinds", "nowhere")),
    "another database": Refusal(1, APPLY, url={"dbname": "{other}"}),
    "a database without a ledger": Refusal(1, APPLY, url={"dbname": "postgres"}),
    "no such database": Refusal(1, APPLY, url={"dbname": "nothing"}),
    "a ledger that is missing": Refusal(
        1, APPLY, "ALTER SCHEMA reconcile RENAME TO away", "ALTER SCHEMA away RENAME TO reconcile",
    ),
    "an older ledger": Refusal(1, APPLY, LEDGER.format(2), LEDGER.format(LEDGER_VERSION)),
    "a newer ledger": Refusal(1, APPLY, LEDGER.format(99), LEDGER.format(LEDGER_VERSION)),
    "a column that is missing": _renamed(APPLY),
    "a column that is missing for a plan": _renamed(PLAN),
    "a table that was migrated": Refusal(
        1, APPLY, "ALTER TABLE entity_types ALTER color TYPE varchar(500)",
        "ALTER TABLE entity_types ALTER color TYPE text",
    ),
    "a role without rights": Refusal(6, APPLY, url={"user": "weak"}),
}  # fmt: skip


@contextmanager
def locked(world: World, target: str) -> Iterator[int]:
    """A session that holds a lock which the apply needs; its process."""
    with psycopg.connect(world.dsn) as other:
        other.execute(f"SELECT FROM entity_types {PERSON.format(target=target)} FOR UPDATE")
        yield other.info.backend_pid


def around() -> tuple[Any, ...]:
    """What this process has beside its connections: files, children and threads."""
    tasks = Path("/proc/self/task").glob("*/children") if Path("/proc/self/task").exists() else ()
    children = sorted(pid for task in tasks for pid in task.read_text().split())
    files = {path.name: path.read_bytes() for path in Path().iterdir()}
    return files, children, sorted(one.name for one in threading.enumerate())


def nothing_left(world: World, *known: int) -> None:
    """No session but these; a session that was closed may need an instant to end."""
    for _ in range(100):
        left = world.sql(LEFT, [world.connection.info.backend_pid, *known])
        if not left:
            return
        world.sql("SELECT pg_sleep(0.02)")
    assert left == []


@pytest.mark.shows(
    "every refusal: stale, conflicts, locked, not authorised, wrong place, unfit, unknown, ...",
    "its exit code; no lock, session, temporary table, process, thread or file is left",
)
def test_no_refusal_leaves_anything(
    shared_world: World,
    small_template: str,
    server: Server,
    seeded: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variants: Variants,
) -> None:
    world = shared_world
    monkeypatch.chdir(tmp_path)
    target, plan = behind(world, small_template)
    planfile.save(plan, Path("plan.json"))
    text = Path("plan.json").read_text()
    Path("half.json").write_text(text[: len(text) // 2])
    Path("edited.json").write_text(text.replace('"New"', '"Old"'))
    (new,) = (one.address.key[0] for one in plan.changes if one.action == "create"
              and one.address.kind == "entity_type")  # fmt: skip
    names = {"target": target, "template": small_template, "new": new,
             "other": name_of(server.dsn(seeded))}  # fmt: skip
    world.sql("CREATE ROLE weak LOGIN")
    try:
        for name, refusal in REFUSALS.items():
            refused(world, name, refusal, names, capsys)
            variants.add()
    finally:
        world.sql("DROP ROLE weak")
    assert main(["apply", "plan.json", "--database-url", world.dsn]) == 0


def name_of(dsn: str) -> str:
    """The database in a connection string."""
    return str(conninfo_to_dict(dsn)["dbname"])


def refused(
    world: World,
    name: str,
    refusal: Refusal,
    names: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [one.format(**names) for one in refusal.words]
    url = {key: value.format(**names) for key, value in refusal.url.items()}
    command = [*words, "--database-url", make_conninfo(world.dsn, **url)]
    if refusal.do == "LOCKED":
        with locked(world, names["target"]) as pid:
            told = ended(world, command, capsys, pid)
    else:
        if refusal.do:
            world.sql(refusal.do.format(**names))
        told = ended(world, command, capsys)
        if refusal.undo:
            world.sql(refusal.undo.format(**names))
    assert told[0] == refusal.code, (name, told)


def ended(
    world: World, command: list[str], capsys: pytest.CaptureFixture[str], *known: int
) -> tuple[int, str]:
    """The exit code, and what was said, of a command that leaves everything as it was."""
    rows, others = dump(world), around()
    code = main(command)
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "unexpected" not in err
    nothing_left(world, *known)
    if (saved := Path("new.json")).exists():
        assert code == 3
        saved.unlink()
    assert around() == others
    assert dump(world) == rows
    return code, err
