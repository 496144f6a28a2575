"""How far installations are: what a re-sync would change, what is in the way, what is left."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reconciler.errors import Exit
from reconciler.model.base import Noun
from reconciler.model.snapshot import Organization

# What can be said of an installation, the most urgent first.
Condition = Literal[
    "failed",
    "conflicts",
    "behind",
    "attention",
    "gone",
    "unlinked",
    "refused",
    "private",
    "up_to_date",
]
# What can be said of the template itself.
Availability = Literal["public", "private", "installed", "gone"]


class InstallationStatus(Noun):
    """A template in one organisation.

    agent_id    the installed agent; None where there is none (any more)
    condition   failed      it could not be compared: the template's `why` says why
                conflicts   rows are in the way of a re-sync
                behind      a re-sync would change rows
                attention   a re-sync would change nothing, and yet there are rows that the
                            template no longer has and `--prune` could retire, or rows whose
                            owner is gone
                gone        the template no longer exists, and rows of it are still here
                unlinked    rows of the template are here, and no agent that is installed from it
                refused     nothing can be planned: the template is itself installed from another
                            one, or this is its own organisation
                private     nothing can be planned, since the template is not public
                up_to_date  none of all this
    rows        live rows that bear the template's tag
    pending     rows that a re-sync would change
    drifted     rows of which compared columns are otherwise than last applied: those that a
                re-sync overwrites, those that keep the edit, and those that are in dispute
    conflicts   rows that are in the way
    tombstones  rows that the tenant deleted (`deleted_by_tenant`)
    pins        rows that were handed to the tenant (`released`)
    orphaned    rows that the template no longer has; `prunable` are those that can be retired
    dangling    rows that are compared as the template's, and whose owner is gone
    revision    the last revision of this template here, at `revised_at`
    """

    organization: Organization
    agent_id: str | None = None
    condition: Condition
    rows: int = 0
    pending: int = 0
    drifted: int = 0
    overwritten: int = 0
    kept: int = 0
    conflicts: int = 0
    tombstones: int = 0
    pins: int = 0
    orphaned: int = 0
    prunable: int = 0
    dangling: int = 0
    revision: int | None = None
    revised_at: str | None = None


class TemplateStatus(Noun):
    """A template with its installations, which are sorted by the organisation's slug.

    availability  public, private, installed (it is itself installed from `installed_from`), gone
    rows          how many rows it ships, and its fingerprint; None where nothing was compared
    why           why its installations could not be compared, where that failed
    """

    agent_id: str
    name: str
    organization: Organization
    availability: Availability
    installed_from: str | None = None
    rows: int | None = None
    fingerprint: str | None = None
    why: str = ""
    installations: tuple[InstallationStatus, ...] = ()


class Status(Noun):
    """What `reconcile status -json` prints: templates by name, each with its installations.

    exit_code  what the command ends with: 0 nothing is pending; 1 something could not be compared;
               2 something is behind, or needs attention; 3 conflicts are waiting
    counts     installations by condition
    """

    exit_code: int = 0
    installations: int = 0
    counts: dict[Condition, int] = Field(default_factory=dict)
    templates: tuple[TemplateStatus, ...] = ()


def exit_code(counts: dict[Condition, int]) -> Exit:
    """What follows from the conditions of all installations."""
    if counts.get("failed"):
        return Exit.ERROR
    if counts.get("conflicts"):
        return Exit.CONFLICTS
    pending: tuple[Condition, ...] = ("behind", "attention", "gone", "unlinked")
    return Exit.CHANGES if any(counts.get(one) for one in pending) else Exit.DONE
