"""What people type to resolve rows: one address, or a pattern that names a kind and a reason.

    entity_type.account               one row
    entity_type.account=keep          one row, adopted without a changed value
    'entity_type.*:user_authored'     every row of a kind with this conflict, or this note
    'entity_type.tax_*:in_use'        those of them whose key fits

No pattern means everything: kind and reason have to be named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.model.address import Address
from reconciler.model.note import Action
from reconciler.model.plan import Plan
from reconciler.model.request import Resolution

Flags = Mapping[Action, Sequence[str]]

_KEEP: Final = "=keep"
# The reasons for which each flag can be given.
_REASONS: Final[dict[Action, frozenset[str]]] = {
    "skip": frozenset(
        {
            "user_authored",
            "foreign_owner",
            "dead_row_blocks",
            "ambiguous",
            "unique_collision",
            "missing_reference",
            "edited_both",
            "rewritten_version",
            "incomplete",
            "in_use",
            "touched_since",
            "irreversible",
            "orphaned",
        }
    ),
    "adopt": frozenset({"user_authored", "edited_both", "touched_since", "released"}),
    "take": frozenset({"foreign_owner", "edited_both", "dangling_owner"}),
    "restore": frozenset({"deleted_by_tenant"}),
    "release": frozenset({"in_use", "orphaned"}),
}


@dataclass(frozen=True)
class Pattern:
    """Rows of a kind, by a pattern for their keys and the reason why they are spoken of."""

    action: Action
    typed: str
    kind: str
    key: re.Pattern[str]
    reason: str
    keep: bool

    def fits(self, address: Address, reason: str) -> bool:
        """Whether it means this row."""
        _, _, key = address.partition(".")
        return (address.kind, reason) == (self.kind, self.reason) and bool(self.key.fullmatch(key))


def parse(flags: Flags, chosen_by: str, chosen_at: str) -> tuple[list[Resolution], list[Pattern]]:
    """What the flags mean; raises ReconcilerError for what is no address, or resolved twice."""
    found: dict[Address, Resolution] = {}
    patterns = []
    for action, texts in flags.items():
        for text in texts:
            if "*" in text:
                patterns.append(_pattern(action, text))
                continue
            bare = text.removesuffix(_KEEP) if action == "adopt" else text
            one = Resolution(
                action=action,
                address=_address(action, bare),
                keep=bare != text,
                chosen_by=chosen_by,
                chosen_at=chosen_at,
            )
            known = found.setdefault(one.address, one)
            if known != one:
                raise ReconcilerError(
                    f"{one.address} is resolved twice: {' '.join(known.flag())} and "
                    f"{' '.join(one.flag())}",
                    hint="Decide for one.",
                )
    return [found[address] for address in sorted(found)], patterns


def expand(
    patterns: Sequence[Pattern], plan: Plan, known: Sequence[Resolution]
) -> tuple[Resolution, ...]:
    """The resolutions, with those that the patterns mean in a plan made without them.

    A row that is named by itself is not meant. Raises ReconcilerError for a pattern that means no
    row (of several databases it may mean rows of another), and where two mean the same one.
    """
    named = {one.address for one in known}
    found: dict[Address, Resolution] = {}
    told: list[tuple[Address, str]] = [(one.address, one.reason) for one in plan.conflicts]
    told += [(one.address, one.about) for one in plan.notes]
    by_whom = {"chosen_by": plan.actor.label, "chosen_at": plan.created_at}
    for pattern in patterns:
        meant = {address for address, reason in told if pattern.fits(address, reason)} - named
        if not meant and plan.request.databases is None:
            raise _means_nothing(pattern)
        for address in meant:
            one = Resolution(
                action=pattern.action,
                address=address,
                keep=pattern.keep,
                pattern=pattern.typed,
                reason=pattern.reason,
                **by_whom,
            )
            other = found.setdefault(address, one)
            if other != one:
                raise ReconcilerError(
                    f"{address} is meant by two patterns: {other.pattern!r} and {one.pattern!r}",
                    hint="Decide for one.",
                )
    return tuple(sorted((*known, *found.values()), key=lambda one: one.address))


def refuse_meaningless(flags: Flags, resolutions: Iterable[Resolution]) -> None:
    """Raise ReconcilerError for a pattern that none of the resolutions comes from."""
    used = {(one.action, one.pattern) for one in resolutions}
    for pattern in parse(flags, "", "")[1]:
        if (pattern.action, pattern.typed) not in used:
            raise _means_nothing(pattern)


def _means_nothing(pattern: Pattern) -> ReconcilerError:
    return ReconcilerError(
        f"--{pattern.action} {pattern.typed!r} means no row of this plan",
        hint=f"It means rows of kind {pattern.kind} that are {pattern.reason}; plan "
        "without it to see which there are.",
    )


def _address(action: Action, text: str) -> Address:
    if "=" in text:
        raise ReconcilerError(
            f"--{action} {text!r}: what stands behind the = is not known",
            hint="Only --adopt ADDRESS=keep is. A = in a key is written %3D.",
        )
    try:
        return Address.parse(text)
    except ValueError as error:
        raise ReconcilerError(
            str(error), hint=f"--{action} takes one address; the plan shows them."
        ) from error


def _pattern(action: Action, text: str) -> Pattern:
    bare = text.removesuffix(_KEEP) if action == "adopt" else text
    rows, colon, reason = bare.rpartition(":") if ":" in bare else (bare, "", "")
    kind, dot, key = rows.partition(".")
    named = bool(dot and re.fullmatch(r"[a-z][a-z0-9_]*", kind))
    if not (colon and named):
        missing = " and ".join(["kind"] * (not named) + ["reason"] * (not colon))
        raise ReconcilerError(
            f"--{action} {text!r} names no {missing}",
            hint="Write KIND.PATTERN:REASON in quotes, as 'entity_type.*:user_authored'; a flag "
            "for all rows of all kinds does not exist.",
        )
    if reason not in _REASONS[action]:
        raise ReconcilerError(
            f"--{action} {text!r}: {reason!r} is no reason that --{action} can resolve",
            hint="One of: " + ", ".join(sorted(_REASONS[action])),
        )
    # Each part is looked for once, where it comes first: many stars must not take for ever.
    first, *middle, last = (re.escape(part) for part in key.split("*"))
    glob = first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
    return Pattern(action, text, kind, re.compile(glob), reason, keep=bare != text)
