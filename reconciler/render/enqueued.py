"""Plans that workers apply, as lines."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.enqueued import Deferred, Enqueued, Queue
from reconciler.render import escape

SHOWN = 12


def render(queue: Queue, *, verbose: bool = False) -> str:
    """Each plan with its waves, its targets and who was refused; ends in a newline."""
    if not queue.plans:
        return "No plan was enqueued. `reconcile fleet enqueue FILE` does that.\n"
    return "\n".join("\n".join(_plan(one, verbose)) + "\n" for one in queue.plans)


def _plan(one: Enqueued, verbose: bool) -> Iterator[str]:
    yield f"Plan     {one.plan_id[:SHOWN]}  {escape.visible(one.template)}: {one.course}"
    pace = f", {' '.join(one.pace)}" if one.pace else ""
    yield f"Enqueued {one.enqueued_at} by {escape.visible(one.enqueued_by)}{pace}"
    counts = [f"{number} {name}" for name, number in one.waves.model_dump().items() if number]
    yield f"Waves    {', '.join(counts)}"
    refused = f", {len(one.refused)} refused" if one.refused else ""
    yield f"Targets  {one.applied} of {one.targets} applied{refused}"
    shown = one.refused if verbose else one.refused[:SHOWN]
    slugs = [escape.name(refusal.slug) for refusal in shown]
    room = max(map(len, slugs), default=0)
    for slug, refusal in zip(slugs, shown, strict=True):
        why = escape.visible(refusal.why)
        yield f"  ! {slug.ljust(room)}  {refusal.reason.ljust(14)}  {why}"
    if len(shown) < len(one.refused):
        yield f"    ... and {len(one.refused) - len(shown)} more: --verbose names all"
    if one.why:
        yield escape.hanging(f"Stopped: {one.why}")
    if one.course in ("stopped", "cancelled") or one.waves.failed:
        yield f"Go on with: reconcile fleet resume {one.plan_id[:SHOWN]}"


def deferred(done: Deferred) -> str:
    """What enqueueing, resuming or cancelling came to, as a line."""
    plan = done.plan_id[:SHOWN]
    jobs = _number(done.jobs, "wave")
    of_all = f" of {done.waves}" if done.jobs != done.waves else ""
    targets = _number(done.targets, "target")
    match done.what:
        case "enqueued":
            said = f"Enqueued {plan}: {targets}, {jobs}{of_all} for the workers now."
        case "enqueued_before":
            said = (
                f"Enqueued before: {plan}. Nothing was changed; `reconcile fleet status {plan}` "
                "says how far it is."
            )
        case "resumed":
            said = f"Resumed {plan}: {targets} left, {jobs}{of_all} for the workers now."
        case "cancelled":
            said = f"Cancelled {plan}: {targets} not applied; what is applied stays."
        case _:
            said = f"Nothing to do for {plan}."
    return f"{said}\n"


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
