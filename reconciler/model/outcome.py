"""What an apply did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, Literal

from pydantic import Field

from reconciler.errors import Exit
from reconciler.model.base import Noun
from reconciler.model.plan import Plan

# Rows by kind and action: `{"entity_type": {"create": 24}}`.
Counted = dict[str, dict[str, int]]

Verdict = Literal["applied", "already_applied", "nothing_to_do", "refused", "not_reached"]
Reason = Literal["stale", "locked", "not_authorised"]
_CODES: Final[dict[Reason, Exit]] = {
    "stale": Exit.STALE,
    "locked": Exit.LOCKED,
    "not_authorised": Exit.NOT_AUTHORISED,
}


class Wave(Noun):
    """A transaction of a plan's, which is a revision in the ledger.

    targets  to how many targets it was applied
    counts   rows written, as in `Outcome`
    earlier  it was applied before, by another run
    """

    revision: int
    targets: int
    counts: Counted
    earlier: bool = False


class Undone(Noun):
    """A revision that has undone, in so many targets, what was applied there before."""

    revision: int
    targets: int


class Refusal(Noun):
    """A target, by id and slug, that was left out of its wave, and why; nothing of it was written.

    stale           rows there are no longer as the plan saw them
    locked          another writer held a lock there for too long
    not_authorised  the actor may not change it
    """

    target: str
    slug: str
    reason: Reason
    why: str

    @property
    def exit_code(self) -> Exit:
        """The code of an apply that is refused for this reason."""
        return _CODES[self.reason]


class Outcome(Noun):
    """The result of an apply.

    status    applied          to all targets that it changes, some of them by an earlier run
                               perhaps
              already_applied  the same plan was, before
              nothing_to_do    the plan changes nothing
              incomplete       not to all: some were refused, or it stopped before
    plan_id   the plan that was reviewed
    revision  the ledger's entry, where it is one; of several, see `waves`
    counts    rows written, by kind and action: `{"entity_type": {"create": 24}}`
    template_moved  the template has changed since the plan was made; what was reviewed is
              what was applied, and a new plan would show the rest
    waves     the transactions, in their order: of this run, or, where all was applied before,
              of those that did it
    targets   what became of each target, by its id
    refused   those that were refused, each with the reason
    undone    the revisions that have undone it since, where it was applied before: the plan is not
              applied there again, and a new one is to be made
    """

    status: Literal["applied", "already_applied", "nothing_to_do", "incomplete"]
    plan_id: str
    revision: int | None = None
    counts: Counted = Field(default_factory=dict)
    template_moved: bool = False
    waves: tuple[Wave, ...] = ()
    targets: dict[str, Verdict] = Field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    undone: tuple[Undone, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """What a command that did this ends with: where targets were refused, why the last was."""
        if self.refused:
            return self.refused[-1].exit_code
        return Exit.ERROR if self.status == "incomplete" else Exit.DONE

    def having(self, verdict: Verdict) -> list[str]:
        """The targets, by id, that this became of."""
        return [target for target, found in self.targets.items() if found == verdict]


class Fate(Noun):
    """What became of a plan, as the database tells it.

    status    applied         the ledger has it, as `revision`, or as `waves`
              partly_applied  the ledger has some of its targets: applying it again goes on
              not_applied     nothing of it was written, and nothing is on its way
              unknown         not in the ledger (yet), for the reason in `why`
    counts    rows written, as in `Outcome`
    undone    the revisions that have undone it since
    """

    status: Literal["applied", "partly_applied", "not_applied", "unknown"]
    plan_id: str
    revision: int | None = None
    counts: Counted = Field(default_factory=dict)
    waves: tuple[Wave, ...] = ()
    why: str = ""
    undone: tuple[Undone, ...] = ()


class Installation(Noun):
    """What an install or a re-sync did for one organisation.

    created says whether the agent row is new; revision is None when nothing was to do.
    """

    agent_id: str
    organization_id: str
    created: bool
    revision: int | None
    counts: Counted


def already(plan: Plan, waves: Collection[Wave], undone: tuple[Undone, ...]) -> Outcome:
    """All that the plan changes was changed before, in these transactions."""
    return Outcome(
        status="already_applied",
        plan_id=plan.plan_id,
        revision=the_only(waves),
        counts=total(waves),
        waves=tuple(waves),
        targets=verdicts(plan, {"already_applied": plan.changed}),
        undone=undone,
    )


def verdicts(plan: Plan, known: dict[Verdict, Iterable[str]]) -> dict[str, Verdict]:
    """What became of each target, where that is known of those in which something changes."""
    found: dict[str, Verdict] = {one.organization.id: "nothing_to_do" for one in plan.targets}
    found |= dict.fromkeys(plan.changed, "not_reached")
    for verdict, targets in known.items():
        found |= dict.fromkeys(targets, verdict)
    return found


def the_only(waves: Collection[Wave]) -> int | None:
    """The number of the revision, where it is one."""
    return next(iter(waves)).revision if len(waves) == 1 else None


def total(waves: Iterable[Wave]) -> Counted:
    """The rows that several transactions wrote together."""
    found: dict[str, Counter[str]] = {}
    for wave in waves:
        for kind, actions in wave.counts.items():
            found.setdefault(kind, Counter()).update(actions)
    return {kind: dict(actions) for kind, actions in found.items()}
