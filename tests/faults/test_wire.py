"""The wire fails at the n-th message of an apply: all or nothing, and the answer is the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import planfile
from reconciler.cli import main
from reconciler.errors import Exit
from reconciler.model.plan import Plan
from tests.fixtures.cut import alone, behind, dump, everything
from tests.fixtures.shown import Variants, depth
from tests.fixtures.wire import Failure, Fault, Run, Sender, Wire, wired
from tests.fixtures.world import World

# One table after the other, who has a row there: what is not the target's, is somebody else's.
OTHERS = (
    "SELECT md5(string_agg(t.xmin::text || t::text, ',' ORDER BY t.ctid)) FROM {} t "
    "WHERE organization_id <> ALL(%s) OR managed_by_template_agent_id IS NULL"
)
TABLES = ("entity_types", "entity_relationship_types", "watchers", "view_templates")
DONE = """SELECT unnest(targets) FROM reconcile.revision WHERE coalesce(part_of, plan_id) = %s
          ORDER BY 1"""
EVERY: tuple[tuple[Sender, Failure], ...] = (
    ("client", "cut"), ("client", "stall"), ("client", "delay"),
    ("server", "cut"), ("server", "stall"), ("server", "delay"),
)  # fmt: skip


def failing(*quick: tuple[Sender, Failure]) -> pytest.MarkDecorator:
    """Whose message is lost, and how: these in each run of the suite, every one in `make trust`."""
    return pytest.mark.parametrize(("sender", "failure"), EVERY if depth(0, 1) else quick)


@pytest.fixture
def wire(shared_world: World) -> Iterator[Wire]:
    with wired(shared_world.dsn) as wire:
        yield wire


def faults(wire: Wire, sender: Sender, failure: Failure) -> Iterator[Fault]:
    """A fault at each message of such a run as the wire has just seen, or at few and the last."""
    last = wire.run.passed[sender]
    assert last > 100
    # What stalls ends as what is cut does, only later; and what is late, arrives.
    every = {"cut": 1, "stall": 3, "delay": 7}[failure]
    step = depth(last // 3, every)
    numbers = sorted({*range(1, last + 1, step), last})
    return (Fault(sender, number, failure) for number in numbers)


def rows_of_others(world: World, *targets: str) -> list[Any]:
    """What the tenants and everybody else have, with the versions of the rows."""
    return [world.sql(OTHERS.format(table), list(targets)) for table in TABLES]


def struck(now: Run, fault: Fault, *, done: bool) -> None:
    """The wire failed at that message; or it never came, and all was applied as without a fault.

    Now and then a run has a message less than the first one, by which they were counted.
    """
    if not now.happened:
        assert done, fault
        assert fault.message - now.passed[fault.sender] <= 2, fault


Told = tuple[int, str, str]


@pytest.fixture
def run(wire: Wire, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """The command line by the wire: its exit code, what it printed, and what it said beside it."""

    def run(*words: str) -> Told:
        code = main([*words, "--database-url", wire.dsn])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def applied(told: Told) -> bool:
    """Whether the command says that all was applied; else it says that nothing was written."""
    code, out, err = told
    if code == Exit.DONE:
        assert "Error" not in err
        assert "\nApply complete!" in f"\n{out}"
        return True
    assert code == Exit.ERROR
    assert "othing was written" in err or "cannot connect to the database" in err, err
    assert "Apply complete!" not in out
    return False


@failing(("client", "cut"))
@pytest.mark.shows(
    "the wire fails at message n of a re-sync, in either direction (cut, stalled, late)",
    "all or nothing; the exit code and what is said are the truth; no lock stays",
)
def test_a_resync_is_whole_or_nothing_wherever_the_wire_fails(
    shared_world: World,
    small_template: str,
    wire: Wire,
    run: Callable[..., Told],
    tmp_path: Path,
    variants: Variants,
    sender: Sender,
    failure: Failure,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"

    def begun() -> Any:
        target, plan = behind(world, small_template)
        world.insert("entity_types", slug="own", name="Own", organization_id=target)
        planfile.save(plan, path)
        return target, plan, dump(world), rows_of_others(world, target)

    target, plan, *_ = begun()
    wire.begin()
    assert applied(run("apply", str(path)))
    target, plan, before, others = begun()
    for fault in faults(wire, sender, failure):
        now = wire.begin(fault)
        told = applied(run("apply", str(path)))
        struck(now, fault, done=told)
        assert not told or failure == "delay" or fault.message > 100
        alone(world)
        variants.add(now.happened)
        if not told:
            assert dump(world) == before, fault
            continue
        assert everything(world, target, plan), fault
        assert rows_of_others(world, target) == others
        target, plan, before, others = begun()
    wire.begin()
    assert applied(run("apply", str(path)))
    assert everything(world, target, plan)


@failing(("server", "cut"))
@pytest.mark.shows(
    "the wire fails at message n of planning and installing (cut, stalled, late)",
    "all or nothing; the exit code and what is said are the truth; the next run succeeds",
)
def test_an_install_is_whole_or_nothing_wherever_the_wire_fails(
    shared_world: World,
    small_template: str,
    wire: Wire,
    run: Callable[..., Told],
    variants: Variants,
    sender: Sender,
    failure: Failure,
) -> None:
    world = shared_world

    def install(target: str) -> bool:
        words = ("--target", target, "--as", "user_ana", "-auto-approve")
        return applied(run("apply", small_template, *words))

    wire.begin()
    assert install(world.organization())
    target = world.organization()
    before, others = dump(world), rows_of_others(world, target)
    for fault in faults(wire, sender, failure):
        now = wire.begin(fault)
        told = install(target)
        struck(now, fault, done=told)
        alone(world)
        variants.add(now.happened)
        if not told:
            assert dump(world) == before, fault
            continue
        assert world.plan(target, template=small_template).empty
        assert rows_of_others(world, target) == others
        target = world.organization()
        before, others = dump(world), rows_of_others(world, target)
    wire.begin()
    assert install(target)
    assert world.plan(target, template=small_template).empty


@failing(("client", "stall"))
@pytest.mark.shows(
    "the wire fails at message n of a fleet that is applied in waves (cut, stalled, late)",
    "each target is whole or untouched, as is said; the same command goes on",
)
def test_each_target_is_whole_or_untouched_wherever_the_wire_fails(
    shared_world: World,
    small_template: str,
    wire: Wire,
    run: Callable[..., Told],
    tmp_path: Path,
    variants: Variants,
    sender: Sender,
    failure: Failure,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"

    def begun() -> Plan:
        fleet = [world.organization() for _ in range(3)]
        for one in fleet:
            world.insert("entity_types", slug="own", name="Own", organization_id=one)
        plan = world.plan(*fleet, template=small_template)
        planfile.save(plan, path)
        return plan

    words = ("apply", str(path), "--wave", "2")
    plan = begun()
    wire.begin()
    assert applied(run(*words))
    for fault in faults(wire, sender, failure):
        plan = begun()
        others = rows_of_others(world, *plan.organizations)
        now = wire.begin(fault)
        code, out, err = run(*words)
        struck(now, fault, done=code == Exit.DONE)
        alone(world)
        variants.add(now.happened)
        done = [one for (one,) in world.sql(DONE, plan.plan_id)]
        assert done in ([], *(list(plan.organizations[:left]) for left in (2, 3))), fault
        if code == Exit.DONE:
            assert len(done) == 3
        elif not done:
            assert not applied((code, out, err))
        else:
            assert code == Exit.ERROR
            assert f"Of this wave nothing was written.\n  {len(done)} targets are done" in err
        wire.begin()
        _, out, _ = run(*words)
        assert ("Already applied" if len(done) == 3 else "Apply complete!") in out
        assert world.plan(*plan.organizations, template=small_template).empty
        assert rows_of_others(world, *plan.organizations) == others
