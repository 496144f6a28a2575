"""The demo: the main job, told as a story on an embedded server."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler import kinds
from reconciler.database.connection import session
from reconciler.demo.scenes import Meanwhile, Run, Write
from reconciler.demo.seed import create_tables, seed
from reconciler.demo.story import STEPS
from reconciler.errors import ReconcilerError
from reconciler.ledger import install

_WIDTH = 88


def prepare(dsn: str) -> None:
    """Make the demo's world in an empty database, with all that `reconcile init` installs."""
    create(dsn)
    with session(dsn) as connection:
        install.install(connection, kinds.load())
    fill(dsn)


def create(dsn: str) -> None:
    """The platform's tables."""
    with session(dsn) as connection:
        create_tables(connection)


def fill(dsn: str) -> None:
    """The template and the tenants."""
    with session(dsn) as connection:
        seed(connection)


def play(dsn: str, run: Callable[[Sequence[str]], int], say: Callable[[str], None]) -> None:
    """Tell the story: `run` is the command line, `say` prints a line; files are written here.

    Raises ReconcilerError where a command does not end as the story says.
    """
    for number, step in enumerate(STEPS, 1):
        say("")
        say(f"{'=' * _WIDTH}\n{number}. {step.title}\n")
        say(textwrap.fill(step.tell, _WIDTH))
        for happening in step.happens:
            say("")
            match happening:
                case Meanwhile(what, sql):
                    say(textwrap.fill(f"Meanwhile: {what}", _WIDTH))
                    change(dsn, sql)
                case Write(name, text):
                    say(f"$ cat > {name}\n{text}".rstrip())
                    Path(name).write_text(text)
                case Run(words, exits):
                    say("$ reconcile " + " ".join(words))
                    code = run(words)
                    if code != exits:
                        raise ReconcilerError(
                            f"the demo expected exit code {exits:d} and got {code}",
                            hint="Please report this with the output above.",
                        )
                    if code:
                        say(f"$ echo $?\n{code}")
        say(f"\nTry next:  {step.next}")


def change(dsn: str, sql: str) -> None:
    """What the platform's own people do."""
    with session(dsn) as connection:
        connection.execute(sql.encode())
