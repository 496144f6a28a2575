"""The wording, in one place: what rows, actions and plans are called and summed up with.

Text from the database enters every sentence through `say`, which a renderer chooses: escaped
for a terminal, a code span for Markdown.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal, assert_never

from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change, Create, Predecessor, Update
from reconciler.model.plan import Plan, Request
from reconciler.model.value import Json, Ref
from reconciler.render import escape, prose, runs
from reconciler.render.outline import Names, overwrites

Say = Callable[[str], str]

SYMBOLS: Final[dict[Literal["create", "update", "adopt"], str]] = {
    "create": "+",
    "update": "~",
    "adopt": "<-",
}
CONFLICT: Final = "!"

_MANY_TARGETS: Final = 3
# What is longer does not fit into a line, and its size is worth a word.
_LONG_TEXT: Final = 200
_TEXTS_NAMED: Final = 3


def row(address: Address) -> escape.Shown:
    """A row as people read it: `entity_type "account"`."""
    return escape.Shown(f"{escape.visible(address.kind)} {key(address)}")


def key(address: Address) -> escape.Shown:
    """A row's key, each part in quotes: `"owns" "person" "account"`."""
    return escape.Shown(" ".join(map(escape.quoted, address.key)))


def count(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def summary(change: Change, plan: Plan, say: Say) -> str:
    """What a change amounts to, in a few words."""
    match change:
        case Create(predecessor=Predecessor(address=earlier, fields=fields)):
            return f"new, {count(len(fields), 'field')} other than in {say(row(earlier))}"
        case Create():
            minted = [f"as {say(change.ids[0])}"] if len(change.ids) == 1 else []
            return ", ".join(["new", *minted, *_contents(change, plan, say)])
        case Update():
            edits = ", overwrites a local edit" if overwrites(change) else ""
            return count(len(change.fields), "field") + edits
        case Adopt(owner=owner):
            before = f"template agent {say(owner.agent)}" if owner else "the tenant's own people"
            amount = count(len(change.fields), "field") if change.fields else "no value changes"
            return f"taken over from {before}{_chosen(change.address, plan, say)}, {amount}"
        case _:
            assert_never(change)


def belongings(children: Sequence[Create]) -> str:
    """What comes with a new row: `3 relationship rules`."""
    numbers = Counter(child.address.kind for child in children)
    return ", ".join(
        count(number, escape.visible(kind).replace("_", " ")) for kind, number in numbers.items()
    )


def actor(plan: Plan, say: Say) -> str:
    """In whose name the plan is made."""
    operator = ", as operator" if plan.actor.mode == "operator" else ""
    return say(plan.actor.label) + operator


def reach(targets: Sequence[str], names: Names, say: Say) -> str:
    """Which targets a change reaches; nothing where the plan has only one."""
    if names.one:
        return ""
    if len(targets) < _MANY_TARGETS:
        return ", ".join(say(names.slug(target)) for target in targets)
    return count(len(targets), "target")


def fleet(plan: Plan) -> str:
    """Many targets in one line: how many, how far they are, and what to look at."""
    installed = sum(target.agent_id is not None for target in plan.targets)
    fresh = len(plan.targets) - installed
    edited = {target for change in plan.changes if overwrites(change) for target in change.targets}
    blocked_ones = {conflict.target for conflict in plan.conflicts}
    parts = [
        f"{installed} installed" if installed else "",
        f"{fresh} not installed yet" if fresh else "",
        f"{len(edited)} with local edits that would be overwritten" if edited else "",
        f"{len(blocked_ones)} with conflicts" if blocked_ones else "",
    ]
    return f"{len(plan.targets)}: " + ", ".join(part for part in parts if part)


def total(plan: Plan) -> str:
    """`Plan: 2 to create, 1 to update, 0 to retire; 1 conflict.`"""
    counts = plan.counts()
    adopt = f"{counts.adopt} to adopt, " if counts.adopt else ""
    conflicts = f"; {count(counts.conflicts, 'conflict')}" if counts.conflicts else ""
    return (
        f"Plan: {counts.create} to create, {counts.update} to update, {adopt}"
        f"{counts.retire} to retire{conflicts}."
    )


def no_changes(plan: Plan, say: Say) -> str:
    """`No changes. acme matches personal-finance.`"""
    template = say(plan.template.name)
    but = ", but for what is left alone" if plan.notes or plan.left_out else ""
    if len(plan.targets) == 1:
        return f"No changes. {say(plan.targets[0].organization.slug)} matches {template}{but}."
    return f"No changes. All {len(plan.targets)} targets match {template}{but}."


def blocked(plan: Plan) -> str:
    """Why a plan with conflicts goes no further."""
    number = len(plan.conflicts)
    which = "the conflict is" if number == 1 else f"the {number} conflicts are"
    return f"This plan cannot be applied until {which} resolved."


def command(request: Request) -> str:
    """The command that makes this plan again, ready for a shell."""
    if len(request.targets) > _MANY_TARGETS:
        request = request.model_copy(update={"targets": ("...",)})
    return escape.visible(shlex.join(request.command()))


def day(timestamp: str) -> str:
    """The date of a timestamp as PostgreSQL or ISO 8601 writes it; nothing for another text."""
    found = re.match(r"\d{4}-\d{2}-\d{2}", timestamp, re.ASCII)
    return found[0] if found else ""


def left_out(plan: Plan, say: Say) -> list[str]:
    """The kinds that the database cannot hold, each with the reason."""
    return [
        f"the kind {say(kind)}, which this database cannot hold ({say(why)})"
        for kind, why in plan.left_out.items()
    ]


def _contents(change: Create, plan: Plan, say: Say) -> list[str]:
    """What a new row holds: name, schedule, references, long texts, and how much else."""
    values = change.values
    name = values.get("name")
    found = [say(escape.quoted(name))] if isinstance(name, str) else []
    found += runs.in_words(plan, change.address.kind, values)
    found += [
        f"{say(column)} -> {say(key(value.ref))}"
        for column, value in values.items()
        if isinstance(value, Ref) and value.ref != change.address
    ]
    texts = [
        f"{say(column)} {prose.measure(value)}"
        for column, value in values.items()
        if isinstance(value, str) and (prose.several_lines(value) or len(value) > _LONG_TEXT)
    ]
    found += texts[:_TEXTS_NAMED]
    properties = [
        len(content["properties"])
        for value in values.values()
        if isinstance(value, Json)
        and isinstance(content := value.parsed(), dict)
        and isinstance(content.get("properties"), dict)
    ]
    if properties:
        found.append(count(sum(properties), "property", "properties"))
    elif values:
        found.append(count(len(values), "field"))
    return found


def _chosen(address: Address, plan: Plan, say: Say) -> str:
    for resolution in plan.request.resolutions:
        if resolution.address == address:
            return f" as {say(resolution.chosen_by)} decided"
    return ""
