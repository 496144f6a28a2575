"""The wording, in one place: what rows, actions and plans are called and summed up with.

Text from the database enters every sentence through `say`, which a renderer chooses: escaped
for a terminal, a code span for Markdown.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.plan import Counts, Plan
from reconciler.model.request import Request
from reconciler.model.snapshot import Target
from reconciler.render import escape, layout
from reconciler.render.outline import Names, is_fleet

Say = Callable[[str], str]

SYMBOLS: Final = {
    "create": "+",
    "update": "~",
    "adopt": "<-",
    "restore": "+",
    "release": "->",
    "move": "~",
    "retire": "-",
}
CONFLICT: Final = "!"
# What the actions are called, before they are done and after.
VERBS: Final = {
    "create": ("create", "created"),
    "update": ("update", "updated"),
    "adopt": ("adopt", "adopted"),
    "restore": ("restore", "restored"),
    "release": ("release", "released"),
    "move": ("rename", "renamed"),
    "retire": ("retire", "retired"),
}
# Named even where there is none of them.
_ALWAYS: Final = ("create", "update", "retire")

_MANY_TARGETS: Final = 3


def row(address: Address) -> escape.Shown:
    """A row as people read it: `entity_type "account"`; one without a key is nobody's template."""
    if not any(address.key):
        return escape.Shown(escape.visible(layout.keyless(address)))
    return escape.Shown(f"{escape.visible(address.kind)} {key(address)}")


def key(address: Address) -> escape.Shown:
    """A row's key, each part in quotes: `"owns" "person" "account"`."""
    return escape.Shown(" ".join(map(escape.quoted, address.key)))


def count(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


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


def others(changes: Sequence[Change], say: Say) -> str:
    """Changes of one row that are not shown, each for other targets."""
    targets = count(sum(len(change.targets) for change in changes), "target")
    number = count(len(changes), "more change")
    return f"{number} of {say(row(changes[0].address))}, in {targets}"


def absent(plan: Plan, target: Target | None = None) -> str:
    """What is said of a target without the template's agent: it is to come, or it is gone."""
    if plan.request.mode == "sync":
        return "not installed yet"
    return f"not linked to it{' any more' if target and target.revision else ''}"


def worth_naming(counts: Mapping[str, int]) -> list[str]:
    """The actions that a count of them speaks of, in the order in which it does."""
    return [action for action in VERBS if counts.get(action) or action in _ALWAYS]


def amounts(counts: Mapping[str, int], *, done: bool) -> str:
    """`2 to create, 1 to update, 0 to retire`, or, once it is done, `2 created, ...`."""
    return ", ".join(
        f"{counts.get(action, 0)} {VERBS[action][1] if done else f'to {VERBS[action][0]}'}"
        for action in worth_naming(counts)
    )


def total(plan: Plan) -> str:
    """`Plan: 2 to create, 1 to update, 0 to retire; 1 conflict.`"""
    counts = plan.counts()
    conflicts = f"; {count(counts.conflicts, 'conflict')}" if counts.conflicts else ""
    following = plan.following
    follow = f"; {count(following, 'row')} to point elsewhere" if following else ""
    return f"Plan: {amounts(counts.model_dump(), done=False)}{follow}{conflicts}{behind(plan)}."


def behind(plan: Plan) -> str:
    """How many targets do not take part, at the end of a sentence: `; 6 targets left out`."""
    left = len(plan.left_behind)
    return f"; {count(left, 'target')} left out" if left else ""


def without(plan: Plan) -> str:
    """How to go on without the targets of a fleet that have conflicts, where others have none."""
    stopped = {conflict.target for conflict in plan.conflicts}
    if not is_fleet(plan) or len(stopped) == len(plan.targets):
        return ""
    which = f"the {len(stopped)} targets with conflicts" if len(stopped) > 1 else "the one with it"
    return f"Or leave out {which}, and go on with the others:  --skip-conflicted"


def all_templates(planned: Sequence[Counts], templates: int) -> str:
    """`3 templates: 2 to create, 1 to update, 0 to retire; 1 of them could not be planned.`"""
    if not templates:
        return "No template is installed there."
    rows: Counter[str] = Counter()
    for counts in planned:
        rows.update(counts.model_dump())
    conflicts = f"; {count(rows['conflicts'], 'conflict')}" if rows["conflicts"] else ""
    failed = templates - len(planned)
    missing = f"; {failed} of them could not be planned" if failed else ""
    return f"{count(templates, 'template')}: {amounts(rows, done=False)}{conflicts}{missing}."


def blocked(plan: Plan) -> str:
    """Why a plan with conflicts goes no further."""
    if not plan.conflicts:
        left = len(plan.left_behind)
        which = "the only target has" if left == 1 else f"all {left} targets have"
        return f"Nothing is left to do: {which} conflicts{behind(plan)}."
    number = len(plan.conflicts)
    which = "the conflict is" if number == 1 else f"the {number} conflicts are"
    return f"This plan cannot be applied until {which} resolved."


def shortened(request: Request) -> bool:
    """Whether its command names so many targets that it is shown with dots for them."""
    return len(request.targets) > _MANY_TARGETS


def command(request: Request) -> str:
    """The command that makes this plan again, ready for a shell."""
    if shortened(request):
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
