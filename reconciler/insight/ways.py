"""What a plan has for a row, and the commands that would change it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from reconciler.differ.ownership import Ownership
from reconciler.insight.facts import Facts
from reconciler.insight.looking import availability
from reconciler.model.change import Change, Create
from reconciler.model.request import Request
from reconciler.model.why import Planned, WayOut
from reconciler.render import escape, notes, reasons, summaries, words
from reconciler.render.causes import conflict_groups
from reconciler.render.outline import Names, note_groups
from reconciler.render.remedies import Remedies, Remedy

_ARRIVES = "what the plan says above; save it with --out FILE, and apply that"
_GIVEN = "it becomes the tenant's own, and no plan touches it again"
_UNINSTALLED = "all rows of the template leave: retired, or given to the tenant"


def planned(facts: Facts) -> tuple[Planned, ...]:
    """What the plan says of the row."""
    if facts.plan is None:
        return ()
    names = Names(facts.plan)
    found = [
        Planned(
            sort="change",
            what=change.action,
            columns=_columns(change),
            says=summaries.summary(change, facts.plan, escape.name),
        )
        for change in facts.changes
    ]
    for conflict in facts.conflicts:
        column = getattr(conflict, "column", None)
        found.append(
            Planned(
                sort="conflict",
                what=conflict.reason,
                columns=(column,) if column else (),
                says=reasons.explanation([conflict], names, escape.name),
            )
        )
    for note in facts.notes:
        column = getattr(note, "column", None)
        detail = notes.detail(note, escape.name)
        says = notes.title([note], escape.name) + (f" ({detail})" if detail else "")
        columns = (column,) if column else ()
        found.append(Planned(sort="note", what=note.about, columns=columns, says=says))
    return tuple(found)


def _columns(change: Change) -> tuple[str, ...]:
    if isinstance(change, Create):
        return ()
    return tuple(field.column for field in change.fields)


def ways(facts: Facts) -> tuple[WayOut, ...]:
    """What would change the row, each as a whole command where there is one."""
    return tuple(dict.fromkeys(_ways(facts)))


def _ways(facts: Facts) -> Iterator[WayOut]:
    if facts.template is None:
        return
    request = _request(facts)
    if facts.plan is not None:
        # Not in nobody's name, nor of ids where people have a name.
        plan = facts.plan.model_copy(update={"request": request})
        remedies = Remedies(plan)
        if facts.changes:
            yield WayOut(title="Let it happen", command=_command(request), effect=_ARRIVES)
        for conflicts in conflict_groups(plan):
            yield from _commands(request, remedies.conflicts(conflicts, conflicts))
        for group in note_groups(plan):
            yield from _commands(request, remedies.notes(group, group))
    state = facts.state
    mine = state.owner is not None and Ownership(facts.template).ours(state)
    held = facts.plan is not None or (
        state.owner is not None and state.owner.agent == facts.template.agent_id
    )
    if facts.kind.owner is not None and state.situation == "live" and mine and held:
        command = _command(request, f"--release {shlex.quote(facts.address)}")
        yield WayOut(title="Give it away", command=command, effect=_GIVEN)
    if mine and availability(facts.template) != "public":
        command = _command(request, "--destroy")
        yield WayOut(title="Uninstall", command=command, effect=_UNINSTALLED)


def _commands(request: Request, remedies: tuple[Remedy, ...]) -> Iterator[WayOut]:
    for remedy in remedies:
        if not remedy.flags:
            yield WayOut(title=remedy.title, effect=remedy.effect)
        for flag in remedy.flags:
            command = _command(request, flag)
            yield WayOut(title=remedy.title, command=command, effect=remedy.effect)


def _request(facts: Facts) -> Request:
    """The request for a plan of this target, as somebody would type it."""
    assert facts.template is not None
    slug = facts.target.slug
    plain = escape.visible(slug) == slug and not slug.startswith("-")
    return Request(
        template=facts.template.agent_id,
        targets=(slug if plain else facts.target.id,),
        kinds=facts.kinds,
    )


def _command(request: Request, flag: str = "") -> str:
    return f"{words.command(request)} {flag}".rstrip()
