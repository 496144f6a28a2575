"""A vocabulary: the search path, what each slug means on it, what is shadowed, what dangles."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from reconciler.model.snapshot import Organization
from reconciler.model.vocabulary import (
    ClosedCatalog,
    Dangling,
    EntityType,
    Entry,
    LostTemplate,
    PathEntry,
    RelationshipType,
    Shadow,
    Unresolved,
    Vocabulary,
)
from reconciler.render import escape, words
from reconciler.render.terminal import INDENT, Terminal
from reconciler.render.words import Say

_WIDEST: Final = 40
# Of agents that bring one catalog, so many are named.
_AGENTS: Final = 3
_ROWS: Final = {"entity_type": ("entity", "entities"), "relationship_type": ("relationship", "")}


def text(vocabulary: Vocabulary, *, color: bool, width: int) -> str:
    """All of it for a terminal, ending in a newline."""
    return "\n".join(_lines(vocabulary, Terminal(width, color, 0))) + "\n"


def markdown(vocabulary: Vocabulary) -> str:
    """All of it for a page, ending in a newline."""
    return "\n\n".join(_blocks(vocabulary)) + "\n"


def summary(vocabulary: Vocabulary) -> str:
    """`52 entity types, 10 relationship types, 1 shadowed, 2 dangling`."""
    shadows = sum(len(one.shadows) for one in vocabulary.entries)
    parts = [
        words.count(len(vocabulary.entity_types), "entity type"),
        words.count(len(vocabulary.relationship_types), "relationship type"),
        f"{shadows} shadowed" if shadows else "",
        f"{len(vocabulary.dangling)} dangling" if vocabulary.dangling else "",
    ]
    return ", ".join(filter(None, parts))


def source(one: Entry | Shadow | PathEntry, say: Say) -> str:
    """Where a row is, or a catalog is from: `public-finance, through agent_1`."""
    through = _through(one.agents, say)
    return say(one.organization.slug) + (f", through {through}" if through else ", its own")


def about(one: Entry, say: Say) -> str:
    """What there is to say of an entry beside its slug and its place: `inverse owned_by`."""
    parts = [say(one.name) if one.name != one.slug else ""]
    match one:
        case EntityType():
            pass
        case RelationshipType():
            parts += [
                "symmetric" if one.is_symmetric else "",
                f"inverse {say(one.inverse)}" if one.inverse is not None else "",
                *(f"{say(rule.source)} to {say(rule.target)}" for rule in one.rules),
            ]
        case _:
            assert_never(one)
    return ", ".join(filter(None, parts))


def dangling(one: Dangling, say: Say) -> str:
    """What is named and cannot be read, and why."""
    match one:
        case LostTemplate():
            return (
                f"template entity {say(one.template_entity_id)} {_lost(one, say)}, so "
                f"{_through(one.agents, say)} {_reads(one.agents)} no catalog through it"
            )
        case ClosedCatalog():
            return (
                f"catalog {say(one.organization.slug)} is no public catalog any more, so it is "
                f"not read: named through {_through(one.agents, say)}"
            )
        case Unresolved():
            kind = f"{one.kind} {say(one.slug)}" if one.slug is not None else f"{one.kind}"
            few = ", ".join(map(say, one.few)) + (", …" if one.rows > len(one.few) else "")
            rows = words.count(one.rows, *_ROWS[one.kind])
            return f"{rows} of {kind} (id {say(one.id)}), {_why(one, say)}: {few}"
        case _:
            assert_never(one)


def _lost(one: LostTemplate, say: Say) -> str:
    where = f" of organisation {say(one.organization.slug)}" if one.organization else ""
    match one.why:
        case "missing":
            return "does not exist (any more)"
        case "deleted":
            return f"{where.strip()} is deleted".strip()
        case "no_template":
            return f"{where.strip()} is no template".strip()
        case "no_catalog":
            return f"is{where}, which is no public catalog"
        case _:
            assert_never(one.why)


def _why(one: Unresolved, say: Say) -> str:
    home = _organization(one.organization, say)
    match one.why:
        case "gone":
            return "which does not exist (any more)"
        case "retired":
            return f"which is retired in {home}"
        case "reserved":
            return f"a row of the platform's own in {home}, where only that organisation reads it"
        case "closed":
            return f"in {home}, which is no public catalog any more"
        case "stranger":
            return f"in {home}, which is public and not on the path"
        case "private":
            return f"in {home}, a private organisation, as another tenant"
        case _:
            assert_never(one.why)


def _organization(one: Organization | None, say: Say) -> str:
    return say(one.slug) if one else "an organisation that is gone"


def _reads(agents: Sequence[str]) -> str:
    return "reads" if len(agents) == 1 else "read"


def _through(agents: Sequence[str], say: Say) -> str:
    more = len(agents) - _AGENTS
    named = [say(one) for one in agents[:_AGENTS]]
    return words.listed([*named, *([f"{more} more"] if more > 0 else [])])


def _heading(vocabulary: Vocabulary, say: Say) -> str:
    home = vocabulary.organization
    tenant = f"{say(home.slug)} ({say(home.id)})"
    return f"{say(vocabulary.agent)} in {tenant}" if vocabulary.agent is not None else tenant


def _lines(vocabulary: Vocabulary, out: Terminal) -> Iterator[str]:
    say = escape.name
    yield out.paint("bold", f"{_heading(vocabulary, say)}: {summary(vocabulary)}")
    yield ""
    yield "  Search path:"
    for place, step in enumerate(vocabulary.path, start=1):
        unread = place > 1 and not step.public
        symbol = out.paint(words.CONFLICT, f"{words.CONFLICT:>3}") if unread else " " * 3
        yield f"{symbol} {place}  {source(step, say)}{' (not read)' if unread else ''}"
    for title, entries in _sections(vocabulary):
        yield ""
        yield f"  {title}:"
        slugs = [escape.name(one.slug) for one in entries]
        left = min(_WIDEST, max(map(len, slugs)))
        for slug, one in zip(slugs, entries, strict=True):
            said = "; ".join(filter(None, [source(one, say), about(one, say)]))
            yield from _hanging(f"{slug:<{left}}  {said}", out, left + 2)
            for shadow in one.shadows:
                yield from _hanging(
                    f"{'':<{left}}  shadows {source(shadow, say)} (id {say(shadow.id)})",
                    out, left + 2,
                )  # fmt: skip
    if vocabulary.dangling:
        yield ""
        yield "  Dangling, which is no failure of this command:"
    for lost in vocabulary.dangling:
        first, *rest = out.wrapped(dangling(lost, say))
        yield f"{out.paint(words.CONFLICT, f'{words.CONFLICT:>3}')}   {first.strip()}"
        yield from rest


def _hanging(said: str, out: Terminal, indent: int) -> list[str]:
    return textwrap.wrap(
        said, out.width, initial_indent=" " * INDENT, subsequent_indent=" " * (INDENT + indent),
        break_long_words=False, break_on_hyphens=False, drop_whitespace=True,
    )  # fmt: skip


def _sections(vocabulary: Vocabulary) -> Iterator[tuple[str, Sequence[Entry]]]:
    if vocabulary.entity_types:
        yield "Entity types", vocabulary.entity_types
    if vocabulary.relationship_types:
        yield "Relationship types", vocabulary.relationship_types


def _blocks(vocabulary: Vocabulary) -> Iterator[str]:
    say = escape.code
    yield f"# Vocabulary of {_heading(vocabulary, say)}"
    yield f"{summary(vocabulary)}."
    yield "## Search path"
    yield "\n".join(
        f"{place}. {source(one, say)}" + (" (not read)" if place > 1 and not one.public else "")
        for place, one in enumerate(vocabulary.path, start=1)
    )
    for title, entries in _sections(vocabulary):
        yield f"## {title}"
        rows = [
            "| " + " | ".join(
                [say(one.slug), source(one, say), about(one, say),
                 "; ".join(f"{source(far, say)} (id {say(far.id)})" for far in one.shadows)]
            ) + " |"
            for one in entries
        ]  # fmt: skip
        yield "\n".join(["| slug | from | | shadows |", "|:--|:--|:--|:--|", *rows])
    if vocabulary.dangling:
        yield "## Dangling"
        yield "Named, and not to be read; that is no failure of the command."
        yield "\n".join(f"- {dangling(one, say)}" for one in vocabulary.dangling)
