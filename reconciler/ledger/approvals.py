"""Approvals in the ledger: what its settings demand, and those that were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlglot import exp, parse_one

from reconciler.approvals.policy import Demand
from reconciler.database.asking import Fixed, Question, Rows
from reconciler.errors import NotApprovedError
from reconciler.model.approval import Approval, Approved
from reconciler.model.canonical import canonical, parse
from reconciler.sql.tree import DIALECT, Statement

_BY: Final = "the ledger's settings"
_SETTINGS: Final = Fixed(
    "SELECT name, value FROM reconcile.setting "
    "WHERE name IN ('approvals', 'allowed_signers', 'approvals_not_author')"
)
# An approval expires by the database's clock, and not when the transaction began: it may have
# waited for its locks.
_CLOCK: Final = Fixed("SELECT extract(epoch FROM clock_timestamp())::text")
_RECORDED: Final = """
SELECT approval::text FROM reconcile.approval WHERE plan_id = $1 ORDER BY expires DESC LIMIT 100"""
_RECORD: Final[exp.Expr] = parse_one(
    "INSERT INTO reconcile.approval (plan_id, principal, key, signed_at, expires, approval) "
    "SELECT $1::text, a.principal, a.key, a.signed_at::timestamptz, a.expires::timestamptz, "
    "a.approval::json FROM unnest( $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) "
    "AS a(principal, key, signed_at, expires, approval) "
    "ON CONFLICT DO NOTHING",
    dialect=DIALECT,
)


@dataclass(frozen=True)
class Known:
    """What the ledger knows: its own demand, if any, what was recorded, and what time it is."""

    demand: Demand | None
    recorded: tuple[Approval, ...]
    now: datetime


def known(plan_id: str) -> Question[Known]:
    """What the ledger knows of the approvals of a plan that was reviewed.

    Raises NotApprovedError for settings that make no sense: who demands something wants it.
    """
    return Question([_SETTINGS, Fixed(_RECORDED, (plan_id,)), _CLOCK], _known)


def _known(answers: Sequence[Rows]) -> Known:
    settings, recorded, ((now,),) = answers
    return Known(
        demand=_demand(dict(settings)),
        recorded=tuple(one for (text,) in recorded for one in _approval(text)),
        now=datetime.fromtimestamp(float(now), UTC),
    )


def _approval(text: str) -> tuple[Approval, ...]:
    """What was recorded; what somebody has damaged since counts for nothing."""
    try:
        return (Approval.model_validate(parse(text)),)
    except ValueError:
        return ()


def _demand(settings: Mapping[str, str]) -> Demand | None:
    """What the settings demand; as soon as one of them is there, something is demanded."""
    number = settings.get("approvals", "1" if settings else "0")
    if number == "0":
        return None
    not_author = settings.get("approvals_not_author", "false")
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        raise _nonsense("approvals", number, "a number of people, or 0 for none")
    if not_author not in ("true", "false"):
        raise _nonsense("approvals_not_author", not_author, "true or false")
    signers = settings.get("allowed_signers", "")
    if not signers.strip():
        raise NotApprovedError(
            f"the ledger demands approvals (its setting approvals is {number!r}), and its setting "
            "allowed_signers, which says whose count, is missing; nothing was written",
            hint="An administrator of the database puts the text of a file of OpenSSH's allowed "
            "signers there, as a row of the table reconcile.setting; or sets approvals to 0.",
        )
    return Demand(signers, max(int(number), 1), not_author == "true", _BY)


def _nonsense(name: str, value: str, wanted: str) -> NotApprovedError:
    return NotApprovedError(
        f"whether the plan is approved cannot be said: the ledger's setting {name} is {value!r}; "
        "nothing was written",
        hint=f"It is {wanted}: an administrator of the database corrects that row of the table "
        "reconcile.setting.",
    )


def recording(plan_id: str, approvals: Mapping[Approval, Approved]) -> list[Statement]:
    """Record by which approvals a plan that was reviewed is applied, if by any."""
    if not approvals:
        return []
    rows = sorted(approvals.items(), key=lambda one: (one[1].principal, one[1].key))
    values = (
        plan_id,
        [one.principal for one, _ in rows],
        [told.key for _, told in rows],
        [one.signed_at for one, _ in rows],
        [one.expires for one, _ in rows],
        [canonical(one.model_dump()) for one, _ in rows],
    )
    return [Statement("record the approvals", _RECORD, values)]
