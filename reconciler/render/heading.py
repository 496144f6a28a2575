"""What stands above a plan on a terminal: of the template, and of each of a few targets."""

from __future__ import annotations

from reconciler.model.plan import LeftBehind, Plan
from reconciler.model.snapshot import Target
from reconciler.render import escape, modes, words


def behind(one: LeftBehind) -> str:
    """A target that does not take part, in a line."""
    organization = one.target.organization
    name = f"{escape.name(organization.slug)} ({escape.name(organization.id)})"
    return f"{name}: left out, {words.count(len(one.conflicts), 'conflict')}"


def contents(plan: Plan) -> str:
    """What the template holds, where the plan is about that."""
    if not modes.compares(plan):
        return ""
    rows = words.count(plan.template_rows, "row")
    return f", {rows}, fingerprint {escape.visible(plan.fingerprint[:6])}…"


def target(plan: Plan, target: Target) -> str:
    """A target in a line: whether it has the template, and since when."""
    organization = target.organization
    name = f"{escape.name(organization.slug)} ({escape.name(organization.id)})"
    if target.agent_id is None:
        return f"{name}: {words.absent(plan, target)}"
    revision = f"revision {target.revision}" if target.revision else "no revision yet"
    facts = [escape.name(target.agent_id), revision, words.day(target.revised_at or "")]
    way = "installed by reference" if target.reads is not None else "installed"
    return f"{name}: {way} as {', '.join(filter(None, facts))}"
