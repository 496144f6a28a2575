"""What a plan is for, by its mode: what stands above it, and what is said where it does nothing."""

from __future__ import annotations

from typing import assert_never

from reconciler.model.plan import Drift, Plan
from reconciler.render.words import Say, behind, count


def purpose(plan: Plan, say: Say) -> str:
    """What the plan is for: nothing of note where it brings targets up to date."""
    template = say(plan.template.name)
    into = _targets(plan, say)
    match plan.request.mode:
        case "sync":
            return _by_reference(plan, template, into)
        case "destroy":
            kept = "; every row stays, as the tenant's own" if plan.request.keep_rows else ""
            return f"Uninstall of {template} from {into}{kept}"
        case "release":
            return f"Release of rows of {template} to {into}; nothing else changes"
        case "undo":
            return f"Undoes revision {plan.request.revision} in {into}"
        case "refresh":
            return f"Only what drifted from {template} in {into}; nothing to apply"
        case _:
            assert_never(plan.request.mode)


def _by_reference(plan: Plan, template: str, into: str) -> str:
    match plan.request.convert:
        case "reference":
            return f"{template} in {into} from copies to references into public catalogs"
        case "copy":
            return f"{template} in {into} from references to rows of its own"
        case None if plan.request.install == "reference":
            return f"{template} for {into} by reference to public catalogs"
        case None:
            return ""
        case _:
            assert_never(plan.request.convert)


def title(plan: Plan, say: Say) -> str:
    """What a document about the plan is called."""
    return purpose(plan, say) or f"{say(plan.template.name)} for {_targets(plan, say)}"


def compares(plan: Plan) -> bool:
    """Whether the plan was made from the template's rows, so that they are worth a word."""
    if plan.request.mode == "sync":
        return not plan.template.gone
    return plan.request.mode == "refresh" and plan.template_rows > 0


def happens(drift: Drift, plan: Plan) -> str:
    """What becomes of a column that drifted."""
    match drift.then:
        case "overwritten" if plan.request.mode == "refresh":
            return "would be overwritten with the template's value"
        case "overwritten":
            return "is overwritten with the template's value"
        case "kept":
            return "is kept"
        case "tenant":
            return "is the tenant's own column"
        case _:
            assert_never(drift.then)


def nothing(plan: Plan, say: Say) -> str:
    """`No changes. acme matches personal-finance.`, or what that amounts to in another mode."""
    template = say(plan.template.name)
    if not plan.targets:
        return f"No changes. {_nobody(plan, template)}."
    match plan.request.mode:
        case "sync":
            said = _matches(plan, template, say)
        case "destroy":
            said = _nobody_has(plan, f"left of {template}", say)
        case "release":
            said = _nobody_has(plan, "to release", say)
        case "undo":
            said = _nobody_has(plan, f"left of revision {plan.request.revision}", say)
        case "refresh" if plan.drift:
            return _drifted(plan)
        case "refresh":
            said = f"Nothing drifted in {_targets(plan, say)}"
        case _:
            assert_never(plan.request.mode)
    but = ", but for what is left alone" if plan.notes or plan.left_out or plan.drift else ""
    return f"No changes. {said}{but}{behind(plan)}."


def _nobody(plan: Plan, template: str) -> str:
    """Why there are no targets: nobody fits the question that chose them."""
    request = plan.request
    if request.where is not None and not request.installed and request.mode in ("sync", "undo"):
        return "No organisation fits the condition"
    if request.where is not None or request.exclude:
        return f"No installation of {template} fits"
    return f"No installations of {template}"


def _targets(plan: Plan, say: Say) -> str:
    targets = plan.targets
    if not targets:
        return f"none of {count(len(plan.left_behind), 'target')}"
    return say(targets[0].organization.slug) if len(targets) == 1 else f"{len(targets)} targets"


def _matches(plan: Plan, template: str, say: Say) -> str:
    if len(plan.targets) == 1:
        return f"{_targets(plan, say)} matches {template}"
    return f"All {_targets(plan, say)} match {template}"


def _nobody_has(plan: Plan, what: str, say: Say) -> str:
    if len(plan.targets) == 1:
        return f"{_targets(plan, say)} has nothing {what}"
    return f"None of the {_targets(plan, say)} has anything {what}"


def _drifted(plan: Plan) -> str:
    columns = sum(len(one.targets) for one in plan.drift)
    rows = len({(one.address, target) for one in plan.drift for target in one.targets})
    return f"Drift: {count(columns, 'column')} of {count(rows, 'row')}. Nothing to apply."
