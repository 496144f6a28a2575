"""Which rule decided: the ownership of a row as the planner sees it, and each column's part."""

from __future__ import annotations

from reconciler.differ.ownership import Ownership
from reconciler.insight.facts import Facts
from reconciler.insight.looking import availability
from reconciler.model.change import Create
from reconciler.model.conflict import EditedBoth, RewrittenVersion
from reconciler.model.kind import Column
from reconciler.model.value import Ref, Value
from reconciler.model.why import ColumnStory, Reason, Side
from reconciler.render import rules


def of_row(facts: Facts) -> Reason:
    """The row of the ownership table that applies."""
    rule = _row(facts)
    # What belongs to another row has no owner to change, so it cannot be adopted.
    part = rule == "user_authored" and facts.kind.owner is None
    return rules.of_row("tenants_part" if part else rule)


def _row(facts: Facts) -> str:
    kind, state, template = facts.kind, facts.state, facts.template
    if not kind.mirrored:
        return "not_mirrored"
    if kind.provides and state.situation == "live":
        return "provided" if state.ledger else "user_authored"
    if template is None:
        return "user_authored" if state.situation != "absent" else "no_template"
    if any(one.reason == "ambiguous" for one in facts.conflicts):
        return "ambiguous"
    for about in ("with_parent", "deferred", "orphaned"):
        if facts.noted(about):
            return about
    ownership = Ownership(template)
    verdict = ownership.verdict(kind, state)
    if facts.plan is None or facts.wanted is None:
        return _without(facts, verdict)
    if verdict != "compare":
        old = verdict == "create" and not facts.wanted.current
        return "old_version" if old else verdict
    if state.owner is not None and state.owner.agent != template.agent_id:
        return "shared" if state.owner.exists else "dangling_owner"
    return "managed"


def _without(facts: Facts, verdict: str) -> str:
    """What applies where there is nothing to compare the row with."""
    state = facts.state
    if state.ledger == "released":
        return "released"
    if state.situation in ("absent", "dead"):
        return "retired" if state.ledger == "retired" else "gone" if state.ledger else "no_template"
    if verdict == "compare" and facts.plan is None and facts.template is not None:
        available = availability(facts.template)
        return "not_in_template" if available == "public" else f"template_{available}"
    if verdict == "compare":
        return "orphaned"
    return verdict if verdict in ("user_authored", "foreign_owner") else "not_in_template"


def of_columns(facts: Facts) -> tuple[ColumnStory, ...]:
    """The columns whose values are not the same on all sides, with what becomes of each."""
    found = []
    for column in facts.kind.compared:
        sides = _sides(facts, column)
        values = list(sides.values())
        if all(value == values[0] for value in values) or _installed_by(facts, column):
            continue
        shown = {} if column.sensitive else sides
        found.append(
            ColumnStory(
                column=column.name,
                owner=column.owner,
                known=tuple(sides),
                base=shown.get("base"),
                target=shown.get("target"),
                template=shown.get("template"),
                sensitive=column.sensitive,
                because=rules.of_column(_column(facts, column, sides)),
            )
        )
    return tuple(found)


def _sides(facts: Facts, column: Column) -> dict[Side, Value]:
    """The column's values, where they are known."""
    found: dict[Side, Value] = {}
    state = facts.state
    if state.base is not None and column.name in state.base:
        found["base"] = state.base[column.name]
    if state.values is not None and column.name in state.values:
        found["target"] = state.values[column.name]
    if facts.wanted is not None:
        found["template"] = facts.wanted.values[column.name]
    return found


def _installed_by(facts: Facts, column: Column) -> bool:
    """What another agent of the same organisation placed first points at its installation."""
    owner, value = facts.state.owner, (facts.state.values or {}).get(column.name)
    return (
        column.installation
        and owner is not None
        and isinstance(value, Ref)
        and value.ref.key == (owner.agent,)
    )


def _column(facts: Facts, column: Column, sides: dict[Side, Value]) -> str:
    """What the plan does about the column, and why."""
    if facts.plan is None:
        return "unplanned"
    name = column.name
    for change in facts.changes:
        if isinstance(change, Create):
            continue
        for field in change.fields:
            if field.column == name:
                known = "base" in sides
                changed = "template_changed" if known else "two_ways"
                return "overwritten" if field.drift else changed
    for conflict in facts.conflicts:
        if isinstance(conflict, EditedBoth) and conflict.column == name:
            return "edited_both"
        if isinstance(conflict, RewrittenVersion):
            return "version"
    if facts.noted("held", name):
        return "held"
    if facts.noted("kept_edit", name):
        return "pinned" if name in facts.state.kept else "kept_edit"
    if "target" in sides and sides["target"] == sides.get("template", sides["target"]):
        return "same" if "template" in sides else "left"
    if facts.kind.history and facts.state.situation == "live":
        return "version"
    return "waits" if facts.conflicts else "left"
