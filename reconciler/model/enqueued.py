"""Plans that workers apply, and how far they are."""

from __future__ import annotations

from typing import Literal

from reconciler.errors import Exit
from reconciler.model.base import Noun
from reconciler.model.outcome import Refusal

# going      workers apply it, or will
# done       nothing is left, but for targets that were refused
# stopped    too many targets were refused, or a wave could not be applied
# cancelled  by a person
Course = Literal["going", "done", "stopped", "cancelled"]


class WaveCounts(Noun):
    """How many waves of a plan are where.

    failed  those in which it stopped, or whose job is gone; what is left of them waits to be
            resumed
    """

    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0


class Enqueued(Noun):
    """A plan that was enqueued, and how far it is.

    template  the template's name
    pace      the words of the command line that say it
    targets   how many it changes
    applied   how many of them are done, as the ledger has it
    refused   those that were left out of their wave, and why
    why       why it stopped, and `code` the exit code of that
    """

    plan_id: str
    template: str
    enqueued_by: str
    enqueued_at: str
    pace: tuple[str, ...] = ()
    course: Course
    waves: WaveCounts
    targets: int
    applied: int
    refused: tuple[Refusal, ...] = ()
    why: str = ""
    code: Exit = Exit.DONE

    @property
    def exit_code(self) -> Exit:
        """0 all done, 2 still going on; else why targets were refused, or why it stopped."""
        if self.course == "going":
            return Exit.ERROR if self.waves.failed else Exit.CHANGES
        if self.course == "done":
            return self.refused[-1].exit_code if self.refused else Exit.DONE
        return self.code if self.course == "stopped" else Exit.ERROR


class Queue(Noun):
    """All plans that were enqueued, or the one that was asked for; the newest first."""

    plans: tuple[Enqueued, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """The code of the newest plan that went wrong; else 2 where one is still going on."""
        codes = [one.exit_code for one in self.plans]
        wrong = [code for code in codes if code not in (Exit.DONE, Exit.CHANGES)]
        return next(iter(wrong), max(codes, default=Exit.DONE))


class Deferred(Noun):
    """What enqueueing, resuming or cancelling a plan came to.

    what   enqueued, enqueued_before, resumed or cancelled; nothing_to_do where the plan has no
           changes, or where nothing of it is left
    jobs   how many waves were given to the workers now, or, when cancelled, taken from them
    waves  how many it has
    """

    what: Literal["enqueued", "enqueued_before", "resumed", "cancelled", "nothing_to_do"]
    plan_id: str
    jobs: int = 0
    waves: int = 0
    targets: int = 0
