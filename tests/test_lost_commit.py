"""The connection breaks at COMMIT: the database is asked what became of it, and nothing guessed."""

from __future__ import annotations

import shlex
import socket
import time
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import reconciler
from reconciler import applier, library, planfile
from reconciler.applier.lost import seconds
from reconciler.cli import main
from reconciler.errors import (
    DatabaseError,
    NotAppliedError,
    OutcomeUnknownError,
    PlanFileError,
    ReconcilerError,
)
from reconciler.model.plan import Plan
from tests.fixtures.cut import COMMIT, Held, at_commit, behind, cut, cut_after, dump, everything
from tests.fixtures.world import World


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that the applier was told to apply."""
    told: list[Plan] = []
    apply = applier.apply

    def noticed(connection: Any, plan: Plan, *rest: Any, **options: Any) -> Any:
        told.append(plan)
        return apply(connection, plan, *rest, **options)

    monkeypatch.setattr(applier, "apply", noticed)
    return told


@pytest.mark.shows("connection lost after COMMIT was executed", "the outcome is looked up: applied")
def test_committed_and_not_told_is_applied(
    shared_world: World, small_template: str, attempts: list[Plan]
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    attempts.clear()
    with at_commit(world, cut_after):
        outcome = world.apply(plan)
    ((number, counts),) = world.sql(
        "SELECT id, counts FROM reconcile.revision WHERE plan_id = %s", plan.plan_id
    )
    assert outcome.model_dump() == {
        "status": "applied",
        "plan_id": plan.plan_id,
        "revision": number,
        "counts": counts,
        "template_moved": False,
        "waves": ({"revision": number, "targets": 1, "counts": counts, "earlier": False},),
        "targets": {target: "applied"},
        "refused": (),
        "undone": (),
    }
    assert attempts == [plan]
    assert everything(world, target, plan)


@pytest.mark.shows(
    "connection lost before COMMIT was executed", "the outcome is looked up: nothing was written"
)
def test_not_committed_is_an_error_that_says_so(
    shared_world: World, small_template: str, attempts: list[Plan]
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    attempts.clear()
    before = dump(world)
    with at_commit(world, cut), pytest.raises(NotAppliedError) as caught:
        world.apply(plan)
    assert "lost while committing" in caught.value.message
    assert "nothing was written" in caught.value.message
    assert "reconcile apply FILE" in caught.value.hint
    assert isinstance(caught.value.__cause__, OutcomeUnknownError)
    assert attempts == [plan]
    assert dump(world) == before
    assert library.outcome(world.dsn, plan).status == "not_applied"
    assert world.apply(plan).status == "applied"
    assert everything(world, target, plan)


@pytest.mark.parametrize("lose", [cut, cut_after])
def test_an_install_tries_again_only_if_nothing_was_written(
    shared_world: World, small_template: str, lose: Any, attempts: list[Plan]
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    attempts.clear()
    with at_commit(world, lose):
        found = library.install_agent_from_template(world.dsn, small_template, target, "user_ana")
    assert found.counts["entity_type"] == {"create": 1, "update": 2}
    assert len(attempts) == (2 if lose is cut else 1)
    assert everything(world, target, plan)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("lose", [cut, cut_after])
def test_whoever_lends_a_connection_asks_himself(
    shared_world: World, small_template: str, lose: Any, told: bool
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    assert reconciler.outcome(world.dsn, plan).status == "not_applied"
    lent = psycopg.connect(world.dsn)
    with at_commit(world, lose), pytest.raises(OutcomeUnknownError) as caught:
        library.apply(lent, plan)
    assert "nothing was written" not in str(caught.value)
    assert "reconciler.outcome" in caught.value.hint
    assert caught.value.transaction_id
    lent.close()
    found = reconciler.outcome(
        world.dsn, plan, transaction_id=caught.value.transaction_id if told else None
    )
    rows = "SELECT id, transaction_id FROM reconcile.revision WHERE plan_id = %s"
    if lose is cut:
        assert (found.status, found.revision, found.counts) == ("not_applied", None, {})
        assert world.sql(rows, plan.plan_id) == []
        assert world.apply(plan).status == "applied"
    ((number, transaction),) = world.sql(rows, plan.plan_id)
    found = reconciler.outcome(world.dsn, plan)
    assert (found.status, found.revision) == ("applied", number)
    assert sum(found.counts["entity_type"].values()) == 3
    assert (transaction == caught.value.transaction_id) == (lose is cut_after)
    assert everything(world, target, plan)


@pytest.mark.shows("a lost transaction that ends later", "its end is waited for, and told")
@pytest.mark.parametrize("told", [True, False])
def test_a_transaction_that_ends_late_is_waited_for(
    shared_world: World, small_template: str, told: bool
) -> None:
    world = shared_world
    for then, status in (
        (lambda kept: kept.sendall(COMMIT), "applied"),
        (lambda kept: kept.shutdown(socket.SHUT_RDWR), "not_applied"),
    ):
        target, plan = behind(world, small_template)
        held = Held(then)
        with at_commit(world, held):
            if told:
                try:
                    found = world.apply(plan).status
                except NotAppliedError:
                    found = "not_applied"
            else:
                with pytest.raises(OutcomeUnknownError), psycopg.connect(world.dsn) as lent:
                    library.apply(lent, plan)
                now = library.outcome(world.dsn, plan, wait="0s")
                assert (now.status, now.revision) == ("unknown", None)
                found = library.outcome(world.dsn, plan).status
        held.end()
        assert found == status
        assert world.apply(plan).status == ("already_applied" if found == "applied" else "applied")
        assert everything(world, target, plan)


@pytest.mark.shows(
    "a lost transaction that does not end", "the outcome is called unknown, with what to do"
)
def test_a_transaction_that_does_not_end_is_unknown(
    shared_world: World, small_template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    path = tmp_path / "the plan.json"
    planfile.save(plan, path)
    held = Held()
    began = time.monotonic()
    with at_commit(world, held):
        code = main(["apply", str(path), "-lock-timeout=600ms", "--database-url", world.dsn])
    assert 0.6 < time.monotonic() - began < 10
    captured = capsys.readouterr()
    assert (code, captured.out) == (1, "")
    assert "whether the plan was applied is not known" in captured.err
    assert "still in progress" in captured.err
    assert f"reconcile apply {shlex.quote(str(path))}\n" in captured.err
    assert f"reconcile history {target.removeprefix('org_')}\n" in captured.err
    assert "othing was written" not in captured.err
    held.kept.sendall(COMMIT)
    assert library.outcome(world.dsn, plan).status == "applied"
    held.end()
    assert everything(world, target, plan)


def _closed(world: World, closed: bool) -> None:
    # A superuser is refused as well, and no database can do so to itself.
    name = world.connection.info.dbname
    with psycopg.connect(make_conninfo(world.dsn, dbname="postgres"), autocommit=True) as outside:
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {not closed}')


def test_a_server_that_cannot_be_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    plan = world.plan("birch")

    def unreachable(connection: psycopg.Connection[Any]) -> None:
        cut_after(connection)
        _closed(world, True)

    with at_commit(world, unreachable), pytest.raises(OutcomeUnknownError) as caught:
        world.apply(plan, lock_timeout="300ms")
    assert "not known: cannot connect to the database" in caught.value.message
    assert "reconcile apply FILE" in caught.value.hint
    with pytest.raises(DatabaseError, match="cannot connect"):
        library.outcome(world.dsn, plan)
    _closed(world, False)
    assert library.outcome(world.dsn, plan).revision == 1

    # It comes back while it is being asked.
    world.sql("UPDATE entity_types SET color = 'New' WHERE organization_id = 'org_public_finance'")
    plan = world.plan("birch")

    def restarting(connection: psycopg.Connection[Any]) -> None:
        unreachable(connection)
        back.start()

    back = Thread(target=lambda: (time.sleep(0.5), _closed(world, False)))
    with at_commit(world, restarting):
        assert world.apply(plan).revision == 2
    back.join()

    # A plan that nobody saved is made again.
    world.sql("UPDATE entity_types SET color = 'Old' WHERE organization_id = 'org_public_finance'")
    words = ["apply", "personal-finance", "--target", "birch", "--as", "user_ana"]
    with at_commit(world, unreachable):
        options = ["-auto-approve", "-lock-timeout=100ms", "--database-url", world.dsn]
        assert main([*words, *options]) == 1
    assert f"reconcile {shlex.join(words)}\n" in capsys.readouterr().err
    _closed(world, False)


@pytest.mark.shows("Ctrl-C while COMMIT is under way", "the outcome is looked up, never guessed")
def test_an_interrupt_at_commit_is_no_rollback(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    planfile.save(world.plan("birch"), path)

    def interrupted(connection: psycopg.Connection[Any]) -> None:
        connection.pgconn.exec_(b"COMMIT")
        raise KeyboardInterrupt

    with at_commit(world, interrupted):
        assert main(["apply", str(path), "--database-url", world.dsn]) == 0
    assert capsys.readouterr().out.startswith("Apply complete!")
    assert world.sql("SELECT count(*) FROM reconcile.revision") == [(1,)]


def test_what_became_of_plans_that_were_never_lost(world: World) -> None:
    plan = world.plan("birch")
    assert library.outcome(world.dsn, plan).status == "not_applied"
    applied = world.apply(plan)
    with psycopg.connect(world.dsn) as lent:
        found = library.outcome(lent, plan)
    assert (found.status, found.revision, found.counts) == ("applied", 1, applied.counts)
    # Another database cannot know.
    elsewhere = plan.model_copy(
        update={"database": plan.database.model_copy(update={"name": "other"})}
    )
    with pytest.raises(PlanFileError, match="made for the database other"):
        library.outcome(world.dsn, elsewhere)
    # A transaction that this server has not come to: it was restored, or is another one.
    new = world.plan("acme")
    found = library.outcome(world.dsn, new, transaction_id="99999999")
    assert (found.status, found.why) == (
        "unknown", "this server does not know the transaction: it was restored, or is another one",
    )  # fmt: skip
    # Or one that it knows as another.
    ((other,),) = world.sql("SELECT transaction_id FROM reconcile.revision")
    assert library.outcome(world.dsn, new, transaction_id=other).status == "unknown"
    with pytest.raises(ReconcilerError):
        library.outcome(world.dsn, new, transaction_id="x")
    with pytest.raises(ReconcilerError, match="'soon' is no time"):
        library.outcome(world.dsn, new, wait="soon")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10s", 10), ("500ms", 0.5), ("2min", 120), ("1 h", 3600), ("1d", 86400), ("250", 0.25),
        (" 1.5s ", 1.5), ("0", 0), ("500us", 0.0005), ("soon", None), ("1 week", None),
    ],
)  # fmt: skip
def test_a_time_as_postgresql_reads_it(text: str, meant: float | None) -> None:
    assert seconds(text) == meant
