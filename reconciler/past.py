"""The library's calls that look back: what was applied, by whom, and what became of a plan."""

from __future__ import annotations

import re

from reconciler import planfile
from reconciler.applier import lost
from reconciler.database.connection import Database, session, transaction
from reconciler.database.opening import open_ledger
from reconciler.errors import PlanFileError, ReconcilerError
from reconciler.ledger import history as ledger
from reconciler.model.outcome import Fate
from reconciler.model.plan import Plan
from reconciler.model.revision import Revision

DEFAULT_LIMIT = 20


def history(
    database: Database, target: str | None = None, *, limit: int = DEFAULT_LIMIT
) -> tuple[Revision, ...]:
    """The ledger's last revisions, newest first, at most `limit`.

    With `target`, the id or slug of an organisation, only those that it was a target of; an
    organisation that the platform no longer has is named by its id.

    Raises NotFoundError for an unknown organisation, NotInitialisedError without a ledger.
    """
    if limit < 1:
        raise ReconcilerError(
            f"{limit} is no number of revisions", hint="Ask for one at least: --limit 1."
        )
    with session(database) as connection, transaction(connection, read_only=True):
        open_ledger(connection)
        return ledger.revisions(connection, target, limit)


def revision(database: Database, number: int) -> tuple[Revision, Plan]:
    """One revision of the ledger, with the plan exactly as it was reviewed and applied.

    Raises NotFoundError for an unknown number, NotInitialisedError without a ledger, and
    PlanFileError where the stored plan is of a format that this release does not read.
    """
    with session(database) as connection, transaction(connection, read_only=True):
        open_ledger(connection)
        found, text = ledger.revision(connection, number)
    try:
        return found, planfile.loads(text)
    except PlanFileError as error:
        raise PlanFileError(
            f"the plan of revision {number} in the ledger: {error.message}",
            hint="Use the release of reconcile that applied it. If that says the same, somebody "
            "has changed the ledger.",
        ) from error


def outcome(
    database: Database, plan: Plan, *, transaction_id: str | None = None, wait: str = "10s"
) -> Fate:
    """What became of a plan: for whoever lost the connection, or the process, while applying it.

    `transaction_id` is OutcomeUnknownError's; without it, every apply that is about to commit is
    waited for, at most for `wait`, a time as PostgreSQL writes it (`0s`: not at all). Applying
    the same plan again is safe, whatever this says.

    Raises DatabaseError where the server cannot be asked, PlanFileError where it is another
    database than the plan's.
    """
    if transaction_id is not None and not re.fullmatch("[0-9]{1,19}", transaction_id):
        raise ReconcilerError(
            f"{transaction_id!r} is no id of a transaction",
            hint="OutcomeUnknownError.transaction_id is one; leave it out otherwise.",
        )
    seconds = lost.seconds(wait)
    if seconds is None:
        raise ReconcilerError(f"{wait!r} is no time", hint="Write 500ms, 10s or 2min.")
    with session(database) as connection:
        return lost.ask(connection, plan, transaction_id, seconds)
