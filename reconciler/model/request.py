"""What was asked for: of whom, how, and what was decided about single rows."""

from __future__ import annotations

from typing import Literal

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.note import Action
from reconciler.model.selection import Selection

Mode = Literal["sync", "destroy", "release", "undo", "refresh"]
# How an organisation has a vocabulary: rows of its own, or those of public catalogs.
Way = Literal["copy", "reference"]


class Resolution(Noun):
    """What a person decided about one row, and when.

    skip     leave it as it is
    adopt    take over a row of the tenant's own people; `keep` its values
    take     take over another template's row
    restore  bring back what the tenant retired or deleted
    release  hand a managed row to the tenant

    pattern  what was typed, where that named several rows; `reason` is what it names, and all
             that it resolves
    """

    action: Action
    address: Address
    keep: bool = False
    pattern: str | None = None
    reason: str | None = None
    chosen_by: str
    chosen_at: str = ""

    def fits(self, reason: str) -> bool:
        """Whether it is meant for a row that is spoken of for this reason."""
        return self.reason in (None, reason)

    def flag(self) -> list[str]:
        """The words of the command line that say this."""
        return [f"--{self.action}", self.pattern or f"{self.address}{'=keep' * self.keep}"]


class Moved(Noun):
    """A row of the template that got another name there."""

    source: Address
    to: Address


class Request(Noun):
    """What was asked for, as it was typed: enough to make the plan again.

    mode     sync     install, or bring up to date
             destroy  uninstall
             release  only give rows away
             undo     undo `revision`
             refresh  only say what drifted
    targets, targets_from, installed, where, exclude
               how the targets were chosen (see `Selection`); which they are is the plan's to say
    install    how it is to be installed where it is not yet; None: as a copy
    convert    how it is to be had from now on, where it is installed
    prune      retire what the template no longer has
    keep_rows  of an uninstall: give all rows to the tenant
    drift      say all that drifted
    skip_conflicted  leave targets with conflicts out, and go on with the others
    moved      what got another name in the template, and the file that says so
    kinds      the directory of kinds of one's own, as it was named
    databases  the file of databases, where this one is one of several (see `ShardedPlan`)
    """

    template: str
    targets: tuple[str, ...]
    targets_from: str | None = None
    installed: bool = False
    where: str | None = None
    exclude: tuple[str, ...] = ()
    actor: str | None = None
    name: str | None = None
    kinds: str | None = None
    databases: str | None = None
    mode: Mode = "sync"
    revision: int | None = None
    install: Way | None = None
    convert: Way | None = None
    prune: bool = False
    keep_rows: bool = False
    drift: bool = False
    skip_conflicted: bool = False
    moved: tuple[Moved, ...] = ()
    moved_file: str | None = None
    resolutions: tuple[Resolution, ...] = ()

    @property
    def selection(self) -> Selection:
        """How its targets are chosen."""
        return Selection(**{name: getattr(self, name) for name in Selection.model_fields})

    @property
    def released(self) -> frozenset[Address]:
        """The rows that a person resolved to give away."""
        return frozenset(one.address for one in self.resolutions if one.action == "release")

    def command(self) -> list[str]:
        """The words of the command line that asks for this."""
        if self.mode == "undo":
            words = ["reconcile", "plan", "--undo", str(self.revision)]
        else:
            words = ["reconcile", "plan", self.template]
        words += self.selection.words()
        words += ["--destroy"] if self.mode == "destroy" else []
        words += ["-refresh-only"] if self.mode == "refresh" else []
        words += ["--mode", self.install] if self.install else []
        words += ["--convert", self.convert] if self.convert else []
        words += ["--keep-rows"] if self.keep_rows else []
        words += ["--prune"] if self.prune else []
        words += ["--show-drift"] if self.drift and self.mode != "refresh" else []
        words += ["--skip-conflicted"] if self.skip_conflicted else []
        words += ["--moved", self.moved_file] if self.moved_file else []
        words += ["--as", self.actor] if self.actor else []
        words += ["--name", self.name] if self.name else []
        words += ["--kinds", self.kinds] if self.kinds else []
        words += ["--databases", self.databases] if self.databases else []
        flags = dict.fromkeys(tuple(resolution.flag()) for resolution in self.resolutions)
        return [*words, *(word for flag in flags for word in flag)]

    def meaning(self) -> dict[str, object]:
        """What of it is part of the plan's meaning, beyond the default."""
        found = self.model_dump(
            include={
                "mode",
                "revision",
                "install",
                "convert",
                "prune",
                "keep_rows",
                "skip_conflicted",
                "moved",
            },
            exclude_defaults=True,
        )
        return {
            "name": self.name,
            "resolutions": [
                one.model_dump(exclude={"chosen_at"}, exclude_defaults=True)
                for one in self.resolutions
            ],
            **found,
        }
