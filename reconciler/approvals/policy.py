"""Whether a plan's approvals will do: how many are demanded, of whom, and what each is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reconciler.approvals import ssh
from reconciler.errors import NotApprovedError, ReconcilerError
from reconciler.model.approval import Approval, Approved, moment
from reconciler.model.snapshot import Actor

# So far ahead may the clock of a signer be.
_AHEAD: Final = timedelta(minutes=5)
_SHOWN: Final = 20
_ROLE: Final = "database role "


@dataclass(frozen=True)
class Demand:
    """Who has to have approved a plan before it is applied.

    signers     the text of a file of OpenSSH's allowed signers (`man ssh-keygen`, ALLOWED SIGNERS)
    number      how many people; approvals that share a name or a key are one person's
    not_author  the one in whose name the plan was made is none of them
    by          who demands it
    """

    signers: str
    number: int = 1
    not_author: bool = False
    by: str = "--require-approval"

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ReconcilerError(
                f"{self.number} is no number of approvals", hint="Demand 1 or more."
            )


@dataclass(frozen=True)
class Approvals:
    """What an apply is given beside the plan.

    given    approvals; those that the ledger has are looked at, too
    require  what is demanded beside what the ledger's settings demand
    whole    the plan_id of the plan for several databases that this one is a section of
    """

    given: tuple[Approval, ...] = ()
    require: Demand | None = None
    whole: str | None = None


NONE: Final = Approvals()


def judge(
    demand: Demand,
    approvals: Sequence[Approval],
    plan_ids: Sequence[str],
    author: Actor,
    now: datetime,
) -> Mapping[Approval, Approved]:
    """The approvals that count, at this time, for the plan that goes by these ids.

    Raises NotApprovedError, with what each is worth, where they are of too few people.
    """
    counting: dict[Approval, Approved] = {}
    lines: list[str] = []
    with ssh.verifying(demand.signers, now) as verifier:
        for one in dict.fromkeys(approvals):
            key, wrong = _worth(one, demand, plan_ids, author, now, verifier)
            lines.append(f"{one.principal}: {wrong or f'approved, until {one.expires}'}")
            if not wrong:
                told = one.model_dump(exclude={"plan_id", "signature"})
                counting[one] = Approved(key=key, **told)
    people = _people(list(counting.values()))
    if people < demand.number:
        known = {one.principal for one in counting}
        known |= set(_names(author)) if demand.not_author else set()
        raise _missing(demand, people, lines, {name.casefold() for name in known})
    return counting


def _worth(
    one: Approval,
    demand: Demand,
    plan_ids: Sequence[str],
    author: Actor,
    now: datetime,
    verifier: ssh.Verifier,
) -> tuple[str, str]:
    """The fingerprint of the key, and why the approval does not count; empty where it does."""
    if one.plan_id not in plan_ids:
        return "", f"approved another plan ({one.plan_id[:12]}), before this one was made or after"
    if moment(one.expires) <= now:
        return "", f"approved, and that has expired at {one.expires}"
    if moment(one.signed_at) > now + _AHEAD:
        return "", f"approved at {one.signed_at}, which is still to come by the database's clock"
    statement = one.statement()
    key, wrong = verifier.key_of(statement, one.signature)
    if wrong:
        return "", f"the signature is not one of this approval: {wrong}"
    if wrong := verifier.allows(one.principal, statement):
        return "", f"signed with {key}, which is not allowed for that name: {wrong}"
    if demand.not_author:
        names = _names(author)
        if one.principal.casefold() in {name.casefold() for name in names}:
            return "", "made the plan, so the approval has to be somebody else's"
        for name in names:
            if not verifier.allows(name, statement):
                return "", f"signed with {key}, which is allowed for {name}, too, who made the plan"
    return key, ""


def _names(author: Actor) -> tuple[str, ...]:
    """By which names allowed signers may know the one in whose name a plan was made."""
    if author.mode == "operator":
        return (author.label.removeprefix(_ROLE),)
    return (author.label, *([author.user_id] if author.user_id else []))


def _people(approvals: Sequence[Approved]) -> int:
    """How many people they are of: whoever shares a name or a key is one."""
    people: list[set[tuple[str, str]]] = []
    for one in approvals:
        marks = {("name", one.principal), ("key", one.key)}
        same = [person for person in people if person & marks]
        people = [person for person in people if not person & marks]
        people.append(marks.union(*same))
    return len(people)


def _missing(
    demand: Demand, people: int, lines: Sequence[str], known: set[str]
) -> NotApprovedError:
    """`known` has the names, casefolded, of whom nobody has to ask."""
    needed = "1 approval" if demand.number == 1 else f"approvals of {demand.number} people"
    shown = list(lines[:_SHOWN])
    if len(lines) > _SHOWN:
        shown.append(f"... and {len(lines) - _SHOWN} more")
    if not lines:
        shown.append("Nobody has approved it.")
    others = [name for name in _allowed(demand.signers) if name.casefold() not in known][:_SHOWN]
    missing = "one" if demand.number - people == 1 else str(demand.number - people)
    whom = f"{missing} of {', '.join(others) or 'those whom the allowed signers name'}"
    besides = ", who did not make the plan" if demand.not_author else ""
    return NotApprovedError(
        "\n  ".join([f"the plan needs {needed} ({demand.by}), and has {people or 'none'}", *shown])
        + "\nNothing was written.",
        hint=f"1. Have it approved by {whom}{besides}: reconcile approve FILE --key KEY\n"
        "2. Then apply it: reconcile apply FILE",
    )


def _allowed(signers: str) -> Iterator[str]:
    """Whom allowed signers name, to tell people whom to ask; who may is OpenSSH's to say."""
    for line in signers.splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            yield from text.lstrip('"').replace('"', " ").split(maxsplit=1)[0].split(",")
