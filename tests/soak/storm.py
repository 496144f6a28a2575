"""A history with faults in it: after each, all or nothing, and what was said of it is true."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import strategies as st

from reconciler.model.plan import Plan
from tests.fixtures.cut import alone
from tests.fixtures.shown import depth
from tests.histories.neighbours import Neighbours
from tests.histories.photo import Photo
from tests.histories.steps import PLAIN, SYNC
from tests.histories.sync import hold, resolved, sync
from tests.histories.truth import Truth
from tests.histories.undoing import there_and_back
from tests.soak.faults import PATIENCE, Strike, struck
from tests.soak.lies import LIES

FAULTS = ("kill", "kill", "cut", "cut", "terminate", "locked", "tenant", "publisher", "applier")
STRIKE = st.builds(Strike, st.sampled_from(FAULTS), st.integers(1, 75))
TENANT_STEP = PLAIN.filter(lambda step: step[1] != "template")
PUBLISHER_STEP = PLAIN.filter(lambda step: step[1] == "template")
MEANWHILE = st.tuples(
    st.lists(TENANT_STEP, min_size=1, max_size=3), st.lists(PUBLISHER_STEP, min_size=1, max_size=3)
)
ROUND = st.tuples(st.lists(PLAIN, min_size=1, max_size=6), SYNC, STRIKE, MEANWHILE)
StormDrawn = tuple[list[Any], int]
STORM: st.SearchStrategy[StormDrawn] = st.tuples(
    st.lists(ROUND, min_size=2, max_size=depth(2, 5)), st.integers(0, 2**20)
)


class Storm(Neighbours):
    """A town in which appliers are struck; `seen` counts what happened."""

    seen: Counter[str]

    def rage(self, rounds: list[Any], chance: int) -> None:
        """All rounds of a history, and then a plan that is applied, undone and done again."""
        for steps, (_, who, adopting), strike, meanwhile in rounds:
            for step in steps:
                self.live(step)
            self.seen["steps"] += len(steps)
            self._strike(who, strike, meanwhile, adopting=adopting)
            # Whatever happened: the next one, undisturbed, succeeds and then finds nothing to do.
            sync(self, who, adopting=adopting)
            self.seen["applies"] += 1
            assert self.world.sql(LIES) == []
        there_and_back(self, ("acme",), {}, Random(chance))
        self.seen["undone"] += 1
        assert self.world.sql(LIES) == []

    def _strike(
        self, who: tuple[str, ...], strike: Strike, meanwhile: Any, *, adopting: bool
    ) -> None:
        self.log.append(("strike", strike, who))
        asked, plan = resolved(self, who, adopting=adopting)
        if plan.empty:
            return
        everybody = list(self.organizations.values())
        before = Photo.take(self.world, everybody)
        second = resolved(self, ("acme", "bob"), adopting=adopting)[1]
        tenant, publisher = meanwhile
        moved = False

        def happens() -> None:
            nonlocal before, moved
            moved = True
            if strike.fault == "applier":
                other = struck(self.world, second, Strike("none", 0), lambda: None)
                self.seen[f"second applier: {other}"] += 1
            else:
                for step in tenant if strike.fault == "tenant" else publisher:
                    self.live(step)
            before = Photo.take(self.world, everybody)

        self.world.sql(f"SET lock_timeout = '{PATIENCE}'")
        told = struck(self.world, plan, strike, happens)
        self.world.sql("RESET lock_timeout")
        alone(self.world)
        self.seen["faults"] += 1
        self.seen[f"{strike.fault}: {told}"] += 1
        self._hold(plan, told, before, frozenset(asked.adopt), moved=moved)

    def _hold(
        self, plan: Plan, told: str, before: Photo, adopted: frozenset[str], *, moved: bool
    ) -> None:
        """All or nothing, and as it was told."""
        after = Photo.take(self.world, list(self.organizations.values()))
        written = self.world.sql(
            "SELECT 1 FROM reconcile.revision WHERE plan_id = %s", plan.plan_id
        )
        assert told != "applied" or written, "said to be applied, and is not"
        assert told != "nothing" or not written, "said not to be applied, and is"
        if not written:
            assert after.rows == before.rows, "nothing was applied, and rows changed"
            return
        targets = plan.organizations
        hold(self, Truth(before, after, plan, self.template, targets, adopted, moved=moved))
