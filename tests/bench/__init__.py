"""What things cost, as ratios: `make bench`, or `python -m tests.bench --targets 1000`.

    town       a template and the tenants that install it, made by SQL
    measure    spreads over repeats, sizes on disk, bytes of WAL
    stopwatch  an apply, statement by statement
    goal       what a measurement is held against
    by_hand    the same work by hand: the floor, and row by row
    report     the table, and build/bench.json
    chart      the same as a picture, build/bench.svg

Every other file is about one thing, and has a `measured(town, repeats)` that gives its goals; it
is listed in `ABOUT`. pytest only sees to it that the benchmark runs: how long something takes is
for people to read, and no test fails for it.
"""

from __future__ import annotations

from tests.bench import (
    boot,
    by_reference,
    first_install,
    fleet_plan,
    ledger_cost,
    ledger_growth,
    memory,
    noop_plan,
    one_target,
    one_type,
    startup,
)

ABOUT = (
    first_install,
    noop_plan,
    one_type,
    one_target,
    fleet_plan,
    memory,
    startup,
    boot,
    by_reference,
    ledger_growth,
    ledger_cost,
)
