"""What a roll-out has come to so far: waves, refusals, and the outcome that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from reconciler.errors import LockedError, NotAuthorisedError, TargetsError
from reconciler.model.event import Started, TargetRefused, WaveApplied, WaveStarted
from reconciler.model.outcome import (
    Outcome,
    Reason,
    Refusal,
    Undone,
    Verdict,
    Wave,
    already,
    the_only,
    total,
    verdicts,
)
from reconciler.model.plan import Plan
from reconciler.progress import report


class Tally:
    """Counts what was done to which targets, and tells whoever watches.

    plan   the plan that was reviewed
    rows   how many rows it changes, by target
    left   the targets that were not done before this run, in their order
    undone  in how many targets that were done before it was undone since, by revision
    """

    def __init__(self, plan: Plan, earlier: tuple[Wave, ...], done: set[str], waves: int) -> None:
        self.plan = plan
        self.earlier = {wave.revision: wave for wave in earlier}
        self.of_waves = waves
        self.rows = Counter(target for change in plan.changes for target in change.targets)
        self.before = done & self.rows.keys()
        self.left = [target for target in plan.changed if target not in done]
        self.applied: list[str] = []
        self.by_others: list[str] = []
        self.waves: list[Wave] = []
        self.refused: list[Refusal] = []
        self.undone: Counter[int] = Counter()
        self.moved = False
        self.number = 0
        report(
            Started,
            plan_id=plan.plan_id,
            waves=waves,
            targets=len(self.left),
            rows=self._rows(self.left),
            already=len(self.before),
        )

    def begin(self, targets: list[str]) -> None:
        """The next wave begins."""
        self.number += 1
        report(
            WaveStarted,
            wave=self.number,
            waves=self.of_waves,
            targets=len(targets),
            rows=self._rows(targets),
        )

    def end(self, outcome: Outcome, seconds: float) -> None:
        """A wave was applied, or was found to have been."""
        applied = [one for one in outcome.having("applied") if one in self.rows]
        self.applied += applied
        self.by_others += outcome.having("already_applied")
        self.moved = self.moved or outcome.template_moved
        self.waves += [wave for wave in outcome.waves if not wave.earlier]
        self.earlier |= {wave.revision: wave for wave in outcome.waves if wave.earlier}
        self.undone.update({one.revision: one.targets for one in outcome.undone})
        done = [*self.applied, *self.by_others]
        report(
            WaveApplied,
            wave=self.number,
            waves=self.of_waves,
            revision=outcome.revision if applied else None,
            targets=len(applied),
            rows=self._rows(applied),
            targets_done=len(done),
            targets_total=len(self.left),
            rows_done=self._rows(done),
            rows_total=self._rows(self.left),
            seconds=round(seconds, 3),
        )

    def refuse(self, error: TargetsError, why: Mapping[str, str]) -> None:
        """Targets are left out."""
        slugs = {one.organization.id: one.organization.slug for one in self.plan.targets}
        for target in sorted(why):
            refusal = Refusal(
                target=target, slug=slugs[target], reason=reason(error), why=why[target]
            )
            self.refused.append(refusal)
            report(TargetRefused, refusal=refusal)

    def outcome(self) -> Outcome:
        """What there is to say by now."""
        done = {*self.before, *self.by_others, *self.applied}
        undone = tuple(
            Undone(revision=number, targets=self.undone[number]) for number in sorted(self.undone)
        )
        if not self.applied and not self.refused and done.issuperset(self.rows):
            return already(self.plan, self.earlier.values(), undone)
        known: dict[Verdict, Iterable[str]] = {
            "already_applied": [*self.before, *self.by_others],
            "applied": self.applied,
            "refused": [one.target for one in self.refused],
        }
        return Outcome(
            status="applied" if done.issuperset(self.rows) else "incomplete",
            plan_id=self.plan.plan_id,
            revision=the_only(self.waves),
            counts=total(self.waves),
            template_moved=self.moved,
            waves=tuple(self.waves),
            targets=verdicts(self.plan, known),
            refused=tuple(self.refused),
            undone=undone,
        )

    def _rows(self, targets: list[str]) -> int:
        return sum(self.rows[target] for target in targets)


def reason(error: TargetsError) -> Reason:
    """Why targets are refused, in a word."""
    match error:
        case NotAuthorisedError():
            return "not_authorised"
        case LockedError():
            return "locked"
        case _:
            return "stale"
