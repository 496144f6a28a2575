"""Somebody's word that a plan may be applied: what is signed, and what the ledger tells of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from reconciler.model.base import Noun
from reconciler.model.canonical import canonical

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def _a_time(text: str) -> str:
    moment(text)
    return text


# Whole seconds in UTC, as `2026-11-02T09:14:00Z`.
Time = Annotated[
    str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}Z$"), AfterValidator(_a_time)
]
# A name as OpenSSH's allowed signers have it, and no pattern of theirs.
Principal = Annotated[str, StringConstraints(pattern=r'^[^\s\x00-\x1f\x7f,"*?!#]{1,200}$')]


class Approval(Noun):
    """A signed statement: this plan may be applied. A line of a file of approvals.

    plan_id    what was approved: of a plan for one database, or for several
    principal  who says so, by the name that the allowed signers know
    signed_at  when, by the signer's clock
    expires    until when it counts
    signature  an SSH signature (`ssh-keygen -Y sign`) of the four other fields' canonical bytes,
               in the namespace `reconcile-plan`
    """

    plan_id: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    principal: Principal
    signed_at: Time
    expires: Time
    signature: Annotated[str, Field(max_length=20_000)] = ""

    def statement(self) -> bytes:
        """What is signed: `{"expires": "...", "plan_id": "...", "principal": "...", "signed_at":
        "..."}`, with just these spaces.
        """
        return canonical(self.model_dump(exclude={"signature"})).encode()


class Approved(Noun):
    """An approval by which a revision was applied; `key` is the fingerprint of the signer's key."""

    principal: str
    key: str
    signed_at: str
    expires: str


def moment(text: str) -> datetime:
    """The time that a text tells. Raises ValueError."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def told(at: datetime) -> str:
    """A time as a text."""
    return at.astimezone(UTC).strftime(_TIME)
