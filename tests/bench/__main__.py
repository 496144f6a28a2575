"""The benchmark's command line. Missing a goal is no failure: a busy machine misses some."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

from reconciler.database import embedded
from tests.bench import ABOUT, chart, report
from tests.bench.goal import Goal
from tests.bench.town import Town


def main() -> None:
    """Measure everything, one goal after the other, and report."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description=main.__doc__)
    asked.add_argument("--targets", type=int, default=300, help="how many tenants (%(default)s)")
    asked.add_argument("--repeats", type=int, default=5, help="of what is timed (%(default)s)")
    asked.add_argument("--out", type=Path, default=Path("build/bench.json"), help="%(default)s")
    options = asked.parse_args()
    goals: list[Goal] = []
    start = perf_counter()
    with embedded.temporary() as server:
        town = Town(server, options.targets)
        for one in ABOUT:
            print(f"{one.__name__.rpartition('.')[2]} ...", file=sys.stderr)
            goals += one.measured(town, options.repeats)
    report.write(goals, options.out)
    chart.draw(goals, options.out.with_suffix(".svg"))
    print(report.table(goals))
    print(f"\n{perf_counter() - start:.0f} s; everything measured is in {options.out}")


if __name__ == "__main__":
    main()
