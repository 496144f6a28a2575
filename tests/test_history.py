"""The past: which plans were applied, by whom, and the plan of each as it was reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from jsonschema import Draft202012Validator
from psycopg.conninfo import make_conninfo

import reconciler
from reconciler import library, planfile, published
from reconciler.cli import main
from reconciler.database.embedded import Server
from reconciler.errors import NotFoundError, PlanFileError, ReconcilerError
from reconciler.model.plan import Plan
from reconciler.render import render
from tests.fixtures.world import World, copied, prepared

TYPES = "entity_types"


@pytest.fixture(scope="module")
def lived_database(server: Server, seeded: str) -> Iterator[str]:
    """To copy from: a ledger with some history."""
    with prepared(server, seeded, _live) as name:
        yield name


@pytest.fixture
def lived(server: Server, lived_database: str) -> Iterator[World]:
    """Three revisions: an install into two, a sync of one, and one by an operator."""
    yield from copied(server, lived_database)


def _live(world: World) -> None:
    world.install("acme", "birch")
    world.sql(f"UPDATE {TYPES} SET color = 'New' WHERE organization_id = 'org_public_finance'")
    world.install("birch")
    world.sql("INSERT INTO reconcile.setting VALUES ('operator_user', 'user_ana')")
    world.sql("UPDATE reconcile.setting SET value = current_user WHERE name = 'operator_role'")
    world.install("acme", actor=None)


@pytest.fixture
def typed(lived: World, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--database-url", lived.dsn])
        return (code, *capsys.readouterr())

    return run


def test_revisions_newest_first_with_all_that_a_list_shows(lived: World) -> None:
    third, second, first = reconciler.history(lived.dsn)
    assert [one.number for one in (third, second, first)] == [3, 2, 1]
    assert [one.what for one in (third, second, first)] == ["sync", "sync", "install"]
    assert [one.targets for one in (third, second, first)] == [1, 1, 2]
    assert first.actor.model_dump() == {
        "mode": "member", "user_id": "user_ana", "label": "ana@acme.test", "signs_as": None,
    }  # fmt: skip
    (me,) = lived.sql("SELECT current_user::text")[0]
    assert (third.actor.mode, third.actor.label) == ("operator", f"database role {me}")
    assert {one.database_role for one in (third, second, first)} == {me}
    assert (first.template_agent_id, first.template_name) == ("agent_pf", "Personal Finance")
    assert first.template_organization_slug == "public-finance"
    (at,) = lived.sql("SELECT applied_at FROM reconcile.revision WHERE id = 1")[0]
    assert first.applied_at == at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert second.actions() == {"update": second.counts["entity_type"]["update"]}
    assert (first.undoes, first.undone_by) == (None, ())


def test_the_history_of_one_organisation(lived: World) -> None:
    def numbers(target: str | None = None, limit: int = 20) -> list[int]:
        return [one.number for one in library.history(lived.dsn, target, limit=limit)]

    assert numbers("acme") == numbers("org_acme") == [3, 1]
    assert numbers("birch") == [2, 1]
    assert numbers(limit=2) == [3, 2]
    assert numbers("acme", 1) == [3]
    new = lived.organization()
    assert numbers(new) == []
    with pytest.raises(NotFoundError, match="no organisation 'nobody', and the ledger knows none"):
        numbers("nobody")
    with pytest.raises(ReconcilerError, match="--limit 1"):
        numbers(limit=0)
    # It was deleted: the id is all that is left of it.
    lived.sql("SET session_replication_role = replica")
    lived.sql("DELETE FROM organization WHERE id = 'org_acme'")
    assert numbers("org_acme") == [3, 1]
    with pytest.raises(NotFoundError, match="'acme'"):
        numbers("acme")


def test_what_was_undone_says_by_which_revision(lived: World) -> None:
    """As an apply of such plans leaves it: the request says what it was."""
    lived.sql("UPDATE reconcile.revision SET mode = 'undo', undoes = 2 WHERE id = 3")
    third, second, _ = library.history(lived.dsn)
    assert (third.what, third.undoes, second.undone_by) == ("undo", 2, (3,))
    for mode, what in (("destroy", "uninstall"), ("release", "release"), ("sync", "sync")):
        lived.sql("UPDATE reconcile.revision SET mode = %s, undoes = NULL WHERE id = 3", mode)
        assert library.history(lived.dsn)[0].what == what


def test_one_revision_with_its_plan(world: World) -> None:
    plan = world.plan("acme", skip=["entity_type.transaction"])
    world.apply(plan)
    found, kept = reconciler.revision(world.dsn, 1)
    assert kept == plan
    assert found == library.history(world.dsn)[0]
    with psycopg.connect(world.dsn, autocommit=True) as lent:
        assert library.revision(lent, 1) == (found, plan)
        assert library.history(lent) == (found,)
    world.sql("UPDATE reconcile.revision SET plan = replace(plan::text, 'Acc', 'Bcc')::json")
    with pytest.raises(PlanFileError, match="the plan of revision 1 in the ledger: changed after"):
        library.revision(world.dsn, 1)


def test_an_unknown_number_says_the_largest(lived: World, typed: Any) -> None:
    for number in (4, 0, 10**30):
        with pytest.raises(NotFoundError) as caught:
            library.revision(lived.dsn, number)
        assert caught.value.message == f"there is no revision {number}; the largest is 3"
    code, out, err = typed("show", "7")
    assert (code, out) == (1, "")
    assert "there is no revision 7; the largest is 3" in err
    assert "`reconcile history` lists them" in err


def test_nothing_was_applied_yet(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    url = ["--database-url", world.dsn]
    assert main(["show", "1", *url]) == 1
    assert "there is no revision 1: nothing has been applied yet" in capsys.readouterr().err
    assert main(["history", *url]) == 0
    assert capsys.readouterr().out == "Nothing has been applied yet.\n"
    assert main(["history", "acme", *url]) == 0
    assert capsys.readouterr().out == "Nothing has been applied to acme yet.\n"
    assert main(["history", "-json", *url]) == 0
    assert json.loads(capsys.readouterr().out) == {"revisions": [], "more": False}


def test_the_table(lived: World, typed: Any) -> None:
    code, out, err = typed("history")
    assert (code, err) == (0, "")
    heading, third, second, first = out.splitlines()
    assert heading.startswith("revision  when (UTC)")
    assert third.split()[0] == "3"
    assert " sync " in second
    assert " install " in first
    assert "Personal Finance" in first
    code, out, _ = typed("history", "birch", "--limit=1")
    assert out.splitlines()[1].split()[0] == "2"
    assert out.endswith("\n\nThere are older ones:  reconcile history birch --limit 5\n")
    assert typed("history", "--limit", "0")[0] == 1


def test_json_is_what_the_library_gives(lived: World, typed: Any) -> None:
    code, out, err = typed("history", "-json", "-limit=2")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["more"] is True
    assert told["revisions"] == [
        one.model_dump(mode="json") for one in library.history(lived.dsn, limit=2)
    ]
    schema = json.loads(published.documents()["history.schema.json"])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(told)


@pytest.mark.parametrize("format_", ["text", "markdown", "json", "sql"])
def test_show_a_revision_in_every_format(lived: World, typed: Any, format_: str) -> None:
    revision, plan = library.revision(lived.dsn, 2)
    code, out, err = typed("show", "2", "--format", format_)
    assert code == 0
    body = library.preview(plan) if format_ == "sql" else render(plan, format_)  # type: ignore[arg-type]
    minute = revision.applied_at[:16].replace("T", " ")
    said = f"Revision 2: sync, applied {minute} UTC by "
    if format_ == "json":
        assert planfile.loads(out) == plan
        assert (out, err.startswith(said + "ana@acme.test (role ")) == (body, True)
        return
    line, _, rest = out.partition("\n")
    assert (rest.lstrip("\n"), err) == (body, "")
    mark = "`" if format_ == "markdown" else ""
    start = "-- " if format_ == "sql" else ""
    assert line.startswith(f"{start}{said}{mark}ana@acme.test{mark} (role ")


def test_a_file_comes_before_a_revision(
    lived: World, typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = lived.plan("birch")
    planfile.save(plan, "2")
    assert typed("show", "2", "-json")[1] == planfile.dumps(plan)
    (tmp_path / "1").mkdir()
    assert typed("show", "1")[1].startswith("Revision 1: install")
    assert "cannot read 7.json" in typed("show", "7.json")[2]


@pytest.fixture
def without_plans(lived: World) -> Iterator[str]:
    """A role that may read all of the ledger, but no plan."""
    role = f"reader_{uuid4().hex[:8]}"
    columns = lived.sql(
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns "
        "WHERE (table_schema, table_name) = ('reconcile', 'revision') AND column_name <> 'plan'"
    )
    lived.sql(f"CREATE ROLE {role} LOGIN")
    lived.sql(f"GRANT USAGE ON SCHEMA reconcile TO {role}")
    lived.sql(f"GRANT SELECT ({columns[0][0]}) ON reconcile.revision TO {role}")
    lived.sql(f"GRANT SELECT ON reconcile.setting, reconcile.approval, organization TO {role}")
    yield make_conninfo(lived.dsn, user=role)
    lived.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_list_never_looks_at_a_plan(without_plans: str) -> None:
    assert [one.number for one in library.history(without_plans)] == [3, 2, 1]
    assert [one.number for one in library.history(without_plans, "birch")] == [2, 1]
    with pytest.raises(reconciler.DatabaseError, match="permission denied"):
        library.revision(without_plans, 1)


def test_thousands_of_revisions_of_a_fleet(lived: World) -> None:
    """The list of one organisation comes from the index, not from ten thousand names each."""
    lived.sql(
        "INSERT INTO reconcile.revision (plan_id, plan, template_agent_id, fingerprint, counts, "
        "template_organization_id, actor_mode, targets) "
        "SELECT 'fleet' || n, '{}', 'agent_pf', '', '{}', 'org_public_finance', 'operator', "
        "ARRAY(SELECT 'org_' || md5(n % 7 || '/' || t) FROM generate_series(1, 500) t) "
        "FROM generate_series(1, 2000) n"
    )
    lived.sql("ANALYZE reconcile.revision")
    planned: list[str] = []
    with psycopg.connect(lived.dsn, autocommit=True) as connection:
        connection.execute("LOAD 'auto_explain'")
        connection.execute("SET auto_explain.log_min_duration = 0")
        connection.execute("SET client_min_messages = log")
        connection.add_notice_handler(lambda notice: planned.append(notice.message_primary or ""))
        assert [one.number for one in library.history(connection, "birch")] == [2, 1]
        assert len(library.history(connection)) == 20
    (of_one,) = [text for text in planned if "WITH found AS" in text]
    assert "Bitmap Index Scan on revision_targets_idx" in of_one
    assert "Seq Scan" not in of_one


def test_what_was_asked_for_is_kept_beside_the_plan(world: World, monkeypatch: Any) -> None:
    """What was asked for is read from the plan as it is stored."""
    told = Plan.model_dump

    def with_mode(self: Plan, **options: Any) -> dict[str, Any]:
        found = told(self, **options)
        if "request" in found:
            found["request"] |= {"mode": "undo", "revision": 1}
        return found

    world.install("birch")
    world.sql(f"UPDATE {TYPES} SET color = 'New' WHERE organization_id = 'org_public_finance'")
    plan = world.plan("birch")
    monkeypatch.setattr(Plan, "model_dump", with_mode)
    world.apply(plan)
    second, first = library.history(world.dsn)
    assert (second.what, second.undoes, first.undone_by) == ("undo", 1, (2,))
