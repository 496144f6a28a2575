"""Approving a plan: a statement about it, signed with a key of the signer's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from reconciler.approvals import ssh
from reconciler.errors import ConflictsError, ReconcilerError, RefusedError
from reconciler.model.approval import Approval, told
from reconciler.model.plan import Plan
from reconciler.model.sharded import ShardedPlan

_LONGEST: Final = timedelta(days=366)


def sign(
    plan: Plan | ShardedPlan,
    key: Path,
    *,
    principal: str | None = None,
    expires: timedelta = timedelta(hours=24),
) -> Approval:
    """Say that this plan may be applied, for so long, by this machine's clock.

    `key` is what `ssh-keygen -Y sign` takes: a private key, or a public one whose private half an
    agent holds. `principal` is by which name the allowed signers know it: without it, the comment
    of the public key. May ask for a passphrase, at the terminal.

    Raises ConflictsError for a plan that cannot be applied as it is, RefusedError for one that
    changes nothing, ReconcilerError where nothing is signed.
    """
    if plan.blocking:
        raise ConflictsError(
            "a plan with unresolved conflicts cannot be applied, so there is nothing to approve",
            hint="`reconcile show FILE` names each with the commands that would resolve it; "
            "then make a new plan.",
            conflicts=plan.blocking,
        )
    if plan.empty:
        raise RefusedError(
            "the plan changes nothing, so there is nothing to approve",
            hint="Applying it does nothing, and needs no approval.",
        )
    if not timedelta(0) < expires <= _LONGEST:
        raise ReconcilerError(
            "an approval is for more than no time, and for a year at most",
            hint="Write 24h or 7d.",
        )
    ssh.refuse_no_key(key)
    name = principal or ssh.comment(key)
    now = datetime.now(UTC)
    try:
        statement = Approval(
            plan_id=plan.plan_id,
            principal=name,
            signed_at=told(now),
            expires=told(now + expires),
        )
    except ValidationError as error:
        raise ReconcilerError(
            f"{name!r} is no name that allowed signers could have",
            hint="Say by which name they know the key: --as NAME (an e-mail address, mostly).",
        ) from error
    signature = ssh.sign(statement.statement(), key)
    return statement.model_copy(update={"signature": signature})
