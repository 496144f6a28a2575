"""One attempt: whose turn is it, who may, what still holds; and then it is written (`writing`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.applier import allowed, fence, ids
from reconciler.applier.approved import approving
from reconciler.applier.ids import Drawing
from reconciler.applier.judged import guarded, holding, never_by_itself
from reconciler.applier.proof import Proof
from reconciler.applier.read import still_read
from reconciler.applier.refusals import gone_targets, refuse_elsewhere
from reconciler.applier.turn import taking_turns
from reconciler.applier.writing import Writing, counted
from reconciler.approvals import Approvals
from reconciler.database.asking import Batch, ask
from reconciler.database.connection import Connection
from reconciler.database.opening import Opening, identifying
from reconciler.errors import StalePlanError
from reconciler.kinds import Kinds
from reconciler.ledger import approvals as told
from reconciler.ledger import history, record
from reconciler.model.approval import Approval, Approved
from reconciler.model.change import Create
from reconciler.model.outcome import Outcome, Undone, Verdict, Wave, already, verdicts
from reconciler.model.plan import Plan
from reconciler.model.value import Digest
from reconciler.progress import tell
from reconciler.reader.answers import About
from reconciler.reader.template import fingerprinting
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Script


class Attempt:
    """One attempt at an apply, inside its transaction; `attempt` is its number, from 1."""

    def __init__(
        self,
        connection: Connection,
        plan: Plan,
        kinds: Kinds,
        lock_timeout: str,
        attempt: int,
        reviewed: str,
        approvals: Approvals,
    ) -> None:
        self.attempt = attempt
        self.connection = connection
        self.plan = plan
        self.kinds = kinds
        self.lock_timeout = lock_timeout
        self.reviewed = reviewed
        self.approvals = approvals
        self.approved: Mapping[Approval, Approved] = {}
        self.targets = list(plan.organizations)
        self.transaction_id: str | None = None
        self.done: Outcome
        self.scope = Scope.of(kinds, frozenset(self.targets))
        self.proof = Proof(kinds)
        self.fence: fence.Fence | None = None

    def outcome(self) -> Outcome:
        """All of it, but for the COMMIT."""
        whole = self.plan
        first = Batch()
        database = identifying(first)
        counting = self.proof.begin(first)
        turn = taking_turns(first, whole, self.scope, self.reviewed, self.lock_timeout)
        enter = allowed.entry(first, whole, self.kinds, database)
        approved = approving(first, whole, self.reviewed, self.approvals)
        fenced = first.ask(fence.asking(self.kinds))
        tell("locking", rows=len(self.targets))
        first.send(self.connection)
        refuse_elsewhere(whole, database)
        counting()
        entered = turn()
        undone: tuple[Undone, ...] = ()
        if entered.applied:
            undone = history.undone(self.connection, entered.applied, whole.changed)
            done = history.done_of(entered.applied)
            if self._nothing_left(done):
                found = already(whole, history.waves_of(entered.applied), undone)
                return found.model_copy(update={"plan_id": self.reviewed})
        plan = self.plan
        if gone := sorted(set(entered.gone) & set(self.targets)):
            raise gone_targets(plan, gone)
        opening = enter(self.connection, plan)
        self.approved = approved()
        self.fence = fenced()(opening.kinds)
        script = Script(plan, opening.kinds, entered.now)
        script.since = entered.since
        self._first(script)
        moved, drawing = self._verify(script, opening)
        counts = counted(plan)
        part_of = None if plan.plan_id == self.reviewed else self.reviewed
        revision = record.revision(plan, counts, part_of)
        writing = Writing(self.connection, script, self.scope, self.proof, self.fence)
        number, self.transaction_id = writing.write(
            revision, drawing, told.recording(self.reviewed, self.approved)
        )
        known: dict[Verdict, Iterable[str]] = {
            "already_applied": whole.changed,
            "applied": plan.changed,
        }
        return Outcome(
            status="applied",
            plan_id=self.reviewed,
            revision=number,
            counts=counts,
            template_moved=moved,
            waves=(Wave(revision=number, targets=len(plan.targets), counts=counts),),
            targets=verdicts(whole, known),
            undone=undone,
        )

    def _nothing_left(self, done: set[str]) -> bool:
        """Leave out the targets to which the plan was applied before; says whether that is all."""
        self.plan = self.plan.for_targets(set(self.targets) - done)
        self.targets = list(self.plan.organizations)
        self.scope = Scope.of(self.kinds, frozenset(self.targets))
        return self.plan.empty

    def _first(self, script: Script) -> None:
        """Rename, and bring back, if that is still possible as the plan saw it."""
        for locks, checks, writes in script.first():
            batch = Batch()
            locked = batch.ask(guarded(self.scope, locks))
            held = batch.ask(holding(self.scope, self.plan, checks))
            batch.send(self.connection)
            locked()
            held()
            ask(self.connection, self.proof.writing(self.scope, writes, self.fence))

    def _verify(self, script: Script, opening: Opening) -> tuple[bool, Drawing]:
        """Lock the rows and hold them against the plan.

        Says whether the template moved, and how the ids of new rows are come by.
        """
        plan, template = self.plan, self.plan.template
        batch = Batch()
        new = (
            batch.ask(never_by_itself(self.scope, plan)) if plan.plan_id != self.reviewed else None
        )
        locked = batch.ask(guarded(self.scope, script.locks()))
        held = batch.ask(holding(self.scope, self.plan, script.checks()))
        # The template is read alone: the planner is to be led by nobody's number of targets.
        about = About(template.agent_id, template.organization.id, [])
        sync = plan.request.mode == "sync"
        found = batch.ask(fingerprinting(opening, about)) if sync else None
        standing = batch.ask(ids.drawing(opening, script.creates(), self.scope, self.attempt))
        batch.send(self.connection)
        if new is not None:
            new()
        locked()
        tell("checking", rows=plan.rows)
        held()
        allowed.unused(self.connection, plan, opening)
        still_read(self.connection, plan, opening)
        moved = found is not None and found() != plan.fingerprint
        if moved and (_copies_secrets(plan) or plan.request.convert == "reference"):
            what = "gives rows away to" if plan.request.convert else "copies sensitive columns from"
            raise StalePlanError(
                f"the template has changed since the plan was made, and the plan {what} it; "
                "nothing was written",
                hint="Make a new plan.",
            )
        return moved, standing()


def _copies_secrets(plan: Plan) -> bool:
    return any(
        isinstance(value, Digest)
        for change in plan.changes
        for value in (
            change.values.values()
            if isinstance(change, Create)
            else (field.after for field in change.fields)
        )
    )
