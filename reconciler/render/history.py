"""The past, for a terminal: a table of revisions, and one revision in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, assert_never

from reconciler.model.revision import Revision
from reconciler.render import escape, words

_HEADINGS: Final = ("revision", "when (UTC)", "what", "template", "targets", "rows", "by")
_NUMBERS: Final = frozenset({0, 4})
# What is cut where a line is too long, in turn: the template, then the rows and by whom. A number
# or a time would be another one if it were cut.
_CUT: Final = ((3,), (5, 6))
_NARROWEST: Final = 8
# As many digits of a plan_id as tell plans apart.
_SHORT: Final = 6
_GAP: Final = "  "
_DONE: Final = {
    "create": "created",
    "update": "updated",
    "adopt": "adopted",
    "restore": "restored",
    "release": "released",
    "retire": "retired",
    "move": "moved",
}


def render(revisions: Sequence[Revision], *, target: str | None, more: str, width: int) -> str:
    """The revisions as a table, ending in a newline.

    `target` is the organisation that was asked for; `more` the command that shows older ones,
    or nothing where there are none.
    """
    if not revisions:
        where = f" to {escape.name(target)}" if target else ""
        return f"Nothing has been applied{where} yet.\n"
    agents = {(one.template_name, one.template_agent_id) for one in revisions}
    shared = Counter(name for name, _ in agents)
    rows = [_HEADINGS, *(_cells(one, shared[one.template_name] > 1) for one in revisions)]
    lines = _table(rows, width)
    lines += ["", f"There are older ones:  {escape.visible(more)}"] if more else []
    return "\n".join(lines) + "\n"


def headline(revision: Revision, say: words.Say = escape.name) -> str:
    """`Revision 12: sync, applied 2026-11-02 09:14 UTC by ana@acme.test (role app)`."""
    return (
        f"Revision {revision.number}: {what(revision)}, applied {_minute(revision)} UTC "
        f"by {who(revision, say)}"
    )


def what(revision: Revision) -> str:
    """What was done, in a wave of which plan, and whether it was undone: `sync, undone by 13`."""
    match revision.what:
        case "install" | "sync" | "uninstall" | "release":
            done: str = revision.what
        case "undo":
            done = "undo" if revision.undoes is None else f"undo of {revision.undoes}"
        case _:
            assert_never(revision.what)
    if revision.part_of is not None:
        done = f"{done}, wave of {escape.name(revision.part_of[:_SHORT])}"
    part = frozenset(revision.partly_undone_by)
    undone = ", ".join(f"{one}{' (in part)' * (one in part)}" for one in revision.undone_by)
    return f"{done}, undone by {undone}" if undone else done


def who(revision: Revision, say: words.Say = escape.name) -> str:
    """In whose name, by which role of the database, and who approved it."""
    label, role = revision.actor.label, revision.database_role
    operator = ", as operator" if revision.actor.mode == "operator" else ""
    known = bool(operator) and label == f"database role {role}"
    by = f"{say(label)}{operator}" + ("" if known else f" (role {say(role)})")
    names = list(dict.fromkeys(say(one.principal) for one in revision.approvals))
    return f"{by}, approved by {' and '.join(names)}" if names else by


def rows_by_action(revision: Revision) -> str:
    """`3 created, 1 updated`."""
    counts = revision.actions()
    known = [action for action in _DONE if counts[action]]
    unknown = sorted(counts.keys() - _DONE.keys())
    return ", ".join(
        f"{counts[action]} {escape.name(_DONE.get(action, action))}" for action in known + unknown
    )


def _minute(revision: Revision) -> str:
    return revision.applied_at[:16].replace("T", " ")


def _cells(revision: Revision, namesakes: bool) -> tuple[str, ...]:
    agent = f" ({escape.name(revision.template_agent_id)})" if namesakes else ""
    return (
        str(revision.number),
        _minute(revision),
        what(revision),
        f"{escape.name(revision.template_name)}{agent}",
        str(revision.targets),
        rows_by_action(revision),
        who(revision),
    )


def _table(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The rows with aligned columns, cut until they fit."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for columns in _CUT:
        while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
            widest = max(columns, key=lambda column: widths[column])
            if widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
    return [
        _GAP.join(
            _cell(text, room, right=column in _NUMBERS)
            for column, (text, room) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cell(text: str, room: int, *, right: bool) -> str:
    if len(text) > room:
        return text[: room - 1] + "…"
    return text.rjust(room) if right else text.ljust(room)
