"""`python -m tests.soak --minutes 30 --seed 1`: one storm after the other, and a summary."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import traceback
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from reconciler.database import embedded
from tests.fixtures.world import World, copied, found
from tests.soak.crowd import Crowd
from tests.soak.storm import STORM, Storm, StormDrawn

# So many storms in one database, which then makes room for a new one.
STORMS = 10
# So many seconds is everybody let loose at once.
CROWDED = 15


def main() -> int:
    """Rage until the time is up; 1 where a promise was broken."""
    asked = argparse.ArgumentParser(prog="python -m tests.soak", description=main.__doc__)
    asked.add_argument("--minutes", type=float, default=30)
    asked.add_argument("--seed", type=int, default=None, help="of the first database's storms")
    options = asked.parse_args()
    first = secrets.randbelow(10**6) if options.seed is None else options.seed
    begin, violations, number = time.monotonic(), 0, first
    seen: Counter[str] = Counter()
    with embedded.temporary() as server:
        template = found(server)
        while time.monotonic() < begin + 60 * options.minutes:
            for act in (storms, crowd):
                for world in copied(server, template):
                    try:
                        act(world, number, seen)
                    except Exception:
                        violations += 1
                        print(f"violation: {act.__name__} of --seed {number}", file=sys.stderr)
                        traceback.print_exc()
            number += 1
            print(_summary(first, number, begin, seen, violations), file=sys.stderr, flush=True)
    print(_summary(first, number, begin, seen, violations))
    for name, times in sorted(seen.items()):
        print(f"  {name:<32} {times:>7}")
    return int(violations > 0)


def storms(world: World, number: int, seen: Counter[str], examples: int = STORMS) -> None:
    """The storms of one seed. Raises what broke a promise."""

    @seed(number)
    @settings(
        deadline=None,
        database=None,
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn=STORM)
    def rage(drawn: StormDrawn) -> None:
        storm = Storm.found(world)
        storm.seen = seen
        seen["storms"] += 1
        storm.rage(*drawn)

    rage()


def crowd(world: World, number: int, seen: Counter[str], seconds: float = CROWDED) -> None:
    """A crowd for some seconds. Raises what broke a promise."""
    gathered = Crowd.gather(world, number)
    try:
        gathered.rage(seconds)
    finally:
        seen.update({f"crowd: {name}": times for name, times in gathered.seen.items()})


def _summary(first: int, next_one: int, begin: float, seen: Counter[str], violations: int) -> str:
    minutes = (time.monotonic() - begin) / 60
    return (
        f"soak: seeds {first} to {next_one - 1}, {minutes:.1f} minutes, {seen['steps']:,} steps, "
        f"{seen['applies']:,} applies, {seen['faults']:,} faults injected, "
        f"violations: {violations}"
    )


if __name__ == "__main__":
    sys.exit(main())
