"""What a story is made of: scenes, in which commands are typed and other people do something."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import Exit


@dataclass(frozen=True)
class Run:
    """A command line of `reconcile`, and the exit code that it must end with."""

    words: tuple[str, ...]
    exits: Exit = Exit.DONE


@dataclass(frozen=True)
class Meanwhile:
    """What the platform's own people do, in their application: plain SQL."""

    what: str
    sql: str


@dataclass(frozen=True)
class Write:
    """A file that somebody writes, beside the plan files."""

    name: str
    text: str


@dataclass(frozen=True)
class Step:
    """One scene: a title, why it matters, what happens, and what to try next."""

    title: str
    tell: str
    happens: tuple[Run | Meanwhile | Write, ...]
    next: str


def run(line: str, exits: Exit = Exit.DONE) -> Run:
    """A command line, as it is typed."""
    return Run(tuple(line.split()), exits)
