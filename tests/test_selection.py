"""Selecting targets: names, files, installations and conditions become the targets of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

import reconciler
from reconciler import Selection, library
from reconciler.errors import NotAuthorisedError, NotFoundError, ReconcilerError
from reconciler.render.history import what
from tests.fixtures.fleet import Fleet, ids, slug
from tests.fixtures.world import World


def test_installed_are_all_that_have_it_and_nobody_else(standing: Fleet) -> None:
    assert ids(standing.select(installed=True)) == {standing.a, standing.b}
    left = standing.select(installed=True, exclude=(slug(standing.b),))
    assert ids(left) == {standing.a}
    words = (
        f"reconcile plan {standing.agent} --installed --exclude {slug(standing.b)} --as user_ana"
    )
    assert left.request.command() == words.split()
    # Of those that are named, only these; nobody is added.
    assert ids(standing.select(targets=(slug(standing.a), standing.c), installed=True)) == {
        standing.a
    }


def test_a_plan_means_its_targets_and_not_how_they_were_chosen(standing: Fleet) -> None:
    named = standing.plan(standing.a, standing.b)
    chosen = standing.select(installed=True, where=standing.here)
    assert chosen.plan_id == named.plan_id
    assert chosen.request.targets == ()


def test_a_condition_alone_means_private_organisations(standing: Fleet) -> None:
    plan = standing.select(where=standing.here)
    assert ids(plan) == {standing.a, standing.b, standing.c}
    # To say what drifted, or to uninstall, only those matter that have it.
    assert ids(standing.select(where=standing.here, refresh_only=True)) == {standing.a, standing.b}
    assert ids(standing.select(where=standing.here, destroy=True)) == {standing.a, standing.b}


def test_a_template_is_not_installed_where_it_comes_from_unless_that_is_asked_for(
    fleet: Fleet,
) -> None:
    fleet.world.insert(
        "agents", id=f"own_{fleet.public}", organization_id=fleet.public, name="Own",
        template_agent_id=fleet.agent,
    )  # fmt: skip
    assert ids(fleet.select(installed=True)) == {fleet.a, fleet.b}
    with pytest.raises(reconciler.RefusedError):
        fleet.select(targets=(fleet.public,))


@pytest.mark.parametrize(
    ("condition", "fit"),
    [
        ("createdAt < '2026-06-01'", True),
        ("\"createdAt\" < '2025-06-01'", False),
        ("NOT (visibility = 'public') AND metadata IS NULL", True),
        ("VISIBILITY IN ('private', 'other') -- all of them */ /*", True),
        ("slug = 'x'' OR 1 = 1 --'", False),
        ("2 < 10 AND slug <> '$1'", True),
    ],
)
def test_conditions(standing: Fleet, condition: str, fit: bool) -> None:
    found = standing.select(installed=True, where=condition)
    assert ids(found) == ({standing.a, standing.b} if fit else set())


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("plan = 'pro'", "a column 'plan', and an organisation has: \"createdAt\", description"),
        ('visibility = "private"', "a column 'private'"),
        ("ctid IS NOT NULL", "a column 'ctid'"),
        ("createdAt < 'soon'", "invalid input syntax for type timestamp"),
        ("slug < 5", "operator does not exist: text < numeric"),
        ("pg_sleep(9) IS NULL", "not use 'PG_SLEEP(9)'"),
        ("id IN (SELECT id FROM agents)", "may only compare"),
        ("agents.id = 'x'", "may not name another table"),
        ("slug = 'x'; DROP TABLE agents", "without a semicolon"),
        ("slug = $1", "not use '$1'"),
        ("slug =", "is not a SQL condition"),
        ("slug LIKE 'a%'", "is not a condition that is known: it may only compare its own columns"),
        ("id = 'x' AND slug LIKE 'a%'", 'IN or IS, joined by AND, OR and NOT, not use "slug LIKE'),
        ("TRUE", "is not a condition"),
        ("", "is not a SQL condition"),
        ("(" * 5000 + "slug = 'x'" + ")" * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_condition_is_said(standing: Fleet, condition: str, said: str) -> None:
    with pytest.raises(ReconcilerError) as raised:
        standing.select(installed=True, where=condition)
    assert raised.value.message.startswith("--where ")
    assert said in raised.value.message
    assert len(raised.value.message) < 600
    assert "--where \"visibility = 'private'\"" in raised.value.hint


def test_a_list_of_targets(standing: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "targets.txt"
    lines = ["# the first wave", "", standing.a, slug(standing.b), f"  {standing.a}  ", "\t"]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    plan = standing.select(targets=(standing.c,), targets_from=str(file), exclude=(standing.a,))
    assert ids(plan) == {standing.b, standing.c}
    assert plan.request.targets == (standing.c,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names no organisation"),
        (b"# none\r\n\r\n", "names no organisation"),
        (b"acme\n\n\xff\xfe\n", "line 3: this is not UTF-8 text"),
        (b"acme\na\0b\n", "line 2: a NUL character"),
        (
            b"acme\n# x\nnobody\nacme,birch\n",
            "'nobody' (FILE, line 3), 'acme,birch' (FILE, line 4)",
        ),
    ],
)
def test_a_list_that_is_none(standing: Fleet, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "targets.txt"
    file.write_bytes(content)
    with pytest.raises(ReconcilerError) as raised:
        standing.select(targets_from=str(file))
    assert said.replace("FILE", str(file)) in raised.value.message


def test_a_list_that_cannot_be_read(standing: Fleet, tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match=r"cannot read .*: Is a directory"):
        standing.select(targets_from=str(tmp_path))


def test_unknown_names_are_errors_all_of_them_at_once(standing: Fleet) -> None:
    with pytest.raises(NotFoundError) as raised:
        standing.select(targets=("who", standing.a), exclude=("what", standing.b))
    assert raised.value.message == "there is no organisation 'who', 'what' (--exclude)"


def test_a_question_that_nobody_fits_is_an_empty_plan_that_can_be_applied(fleet: Fleet) -> None:
    plan = fleet.select(installed=True, where="slug = 'nobody'")
    assert (plan.targets, plan.empty, plan.conflicts) == ((), True, ())
    assert fleet.world.apply(plan).status == "nothing_to_do"
    for mode in ("destroy", "refresh_only"):
        assert fleet.select(installed=True, exclude=(fleet.a, fleet.b), **{mode: True}).empty


def test_names_of_whom_nobody_is_left_are_an_error(standing: Fleet) -> None:
    with pytest.raises(NotFoundError, match="nobody is left of the 1 organisation that is named"):
        standing.select(targets=(standing.a,), exclude=(slug(standing.a),))
    with pytest.raises(NotFoundError, match=r"--installed and --where .* rule out every one"):
        standing.select(targets=(standing.a, standing.c), installed=True, where="slug = 'x'")


def test_to_leave_some_out_is_no_choice(standing: Fleet) -> None:
    with pytest.raises(NotFoundError, match="no target was named"):
        standing.select(exclude=(standing.a,))


def test_a_member_is_told_whom_they_may_not_change(fleet: Fleet) -> None:
    fleet.world.sql('DELETE FROM member WHERE "organizationId" = %s', fleet.b)
    with pytest.raises(NotAuthorisedError) as raised:
        fleet.select(installed=True)
    assert slug(fleet.b) in raised.value.message
    assert slug(fleet.a) not in raised.value.message
    assert "--exclude ORG" in raised.value.hint
    assert ids(fleet.select(installed=True, exclude=(fleet.b,))) == {fleet.a}


def test_what_is_left_of_a_template_that_is_gone_is_uninstalled_everywhere(fleet: Fleet) -> None:
    fleet.world.sql("DELETE FROM agents WHERE id = %s", fleet.agent)
    assert ids(fleet.select(installed=True, destroy=True)) == {fleet.a, fleet.b}
    assert ids(fleet.select(where=f"id = '{fleet.a}'", destroy=True)) == {fleet.a}


def test_a_revision_is_taken_back_in_some_of_its_targets(fleet: Fleet) -> None:
    some = fleet.undo(targets=(slug(fleet.a),))
    assert ids(some) == {fleet.a}
    assert {target for change in some.changes for target in change.targets} == {fleet.a}
    assert some.request.command()[:6] == [
        "reconcile", "plan", "--undo", str(fleet.first), "--target", slug(fleet.a),
    ]  # fmt: skip
    done = fleet.world.apply(some)
    assert fleet.plan(fleet.b).empty
    undone, _ = library.revision(fleet.world.dsn, fleet.first)
    assert undone.partly_undone_by == undone.undone_by == (done.revision,)
    assert what(undone) == f"install, undone by {done.revision} (in part)"
    rest = fleet.undo(where=fleet.here, exclude=(fleet.a,))
    assert ids(rest) == {fleet.b}
    fleet.world.apply(rest)
    assert ids(fleet.select(installed=True)) == set()
    assert fleet.undo(where="slug = 'nobody'").empty


def test_nothing_is_taken_back_where_it_was_not_applied(fleet: Fleet) -> None:
    with pytest.raises(NotFoundError, match=f"revision {fleet.first} did not reach '{fleet.c}'"):
        fleet.undo(targets=(fleet.a, fleet.c))
    with pytest.raises(ReconcilerError, match="installed or not"):
        fleet.undo(installed=True)


def test_a_target_that_is_gone_can_be_left_out_of_an_undo(fleet: Fleet) -> None:
    fleet.world.sql(
        "DELETE FROM entity_type_audit WHERE entity_type_id IN "
        "(SELECT id FROM entity_types WHERE organization_id = %s)",
        fleet.b,
    )
    for table in ("entity_types", "agents"):
        fleet.world.sql(f"DELETE FROM {table} WHERE organization_id = %s", fleet.b)
    fleet.world.sql("DELETE FROM organization WHERE id = %s", fleet.b)
    with pytest.raises(NotFoundError, match=fleet.b):
        fleet.undo()
    assert ids(fleet.undo(exclude=(fleet.b,))) == {fleet.a}


def test_status_of_some(standing: Fleet) -> None:
    def told(**chosen: Any) -> set[str]:
        found = library.status(standing.world.dsn, standing.agent, Selection(**chosen))
        return {one.organization.id for each in found.templates for one in each.installations}

    assert told(installed=True) == told(where=standing.here) == {standing.a, standing.b}
    assert told(targets=(standing.a, standing.c)) == {standing.a}
    assert told(exclude=(slug(standing.a),)) == {standing.b}
    assert told(where="slug = 'nobody'") == set()


def test_the_templates_that_are_installed_somewhere(standing: Fleet) -> None:
    def told(**chosen: Any) -> set[str]:
        found = library.templates(standing.world.dsn, Selection(**chosen))
        return {one.agent_id for one in found}

    assert standing.agent in told()
    assert told(where=standing.here) == {standing.agent}
    assert told(targets=(standing.c,)) == set()


def test_choosing_a_thousand_takes_as_many_round_trips_as_choosing_two(
    shared_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleet = Fleet.open(shared_world)
    fleet.world.sql(
        'INSERT INTO organization (id, slug, name, visibility, description, "createdAt") '
        "SELECT 'many_' || n, 'many-' || n, n, 'private', %s, now() "
        "FROM generate_series(1, 1000) AS n",
        fleet.region,
    )
    fleet.world.sql(
        'INSERT INTO member (id, "organizationId", "userId", role, "createdAt") '
        "SELECT 'm_' || id, id, 'user_ana', 'owner', now() FROM organization "
        "WHERE id LIKE 'many%%' AND description = %s",
        fleet.region,
    )
    seen: list[str] = []
    pipeline = psycopg.Connection.pipeline
    monkeypatch.setattr(
        psycopg.Connection, "pipeline", lambda self: (seen.append(""), pipeline(self))[1]
    )
    counted = []
    for number in (2, 1000):
        file = tmp_path / f"{number}.txt"
        file.write_text("\n".join(f"many-{n + 1}" for n in range(number)))
        del seen[:]
        plan = fleet.select(targets_from=str(file), where=fleet.here, exclude=("many-1",))
        counted.append(len(seen))
        assert len(plan.targets) == number - 1
    assert counted[0] == counted[1]
