"""One reading of the database: the template's rows, and what its targets look like beside them."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.database.asking import run
from reconciler.database.connection import Connection
from reconciler.database.fit import signed
from reconciler.database.opening import Opening
from reconciler.database.templates import find_heirs
from reconciler.differ.renaming import Renaming
from reconciler.model.plan import Plan
from reconciler.model.request import Request
from reconciler.model.snapshot import Row, Snapshot, State, Target, Template, Use
from reconciler.queries import inside
from reconciler.reader.answers import (
    About,
    ask,
    ask_doubled,
    ask_held,
    ask_placed,
    mintable,
    questions_for,
)
from reconciler.reader.closer import Places, count_uses, look, places_of
from reconciler.reader.decode import fingerprint


class Reading:
    """One reading, inside its transaction."""

    def __init__(
        self,
        connection: Connection,
        opening: Opening,
        request: Request,
        template: Template,
        targets: tuple[Target, ...],
    ) -> None:
        ids = [target.organization.id for target in targets]
        self.connection = connection
        self.opening = opening
        self.request = request
        self.asked = questions_for(opening, ids, named=request.name is not None)
        self.about = About(
            template.agent_id,
            template.organization.id,
            ids,
            request.name,
            whole=request.mode in ("destroy", "release"),
        )
        self.template = template
        self.targets = targets

    def compared(self) -> Snapshot:
        """The template's rows, and the targets' states beside them."""
        request = self.request
        rows, ambiguous, seen, collisions = ask(
            self.connection, self.opening, self.asked, self.about
        )
        seen = (*self._closer(seen, request), *self._look(self._moving(rows, request)))
        taken, named = self._known(rows, seen)
        orphans = [state for state in seen if state.orphan and state.values is not None]
        if request.prune or request.released:
            seen = (*seen, *self._doubled(places_of(orphans)))
        return self._snapshot(rows, seen).model_copy(
            update={
                "ambiguous": ambiguous,
                "collisions": collisions,
                "taken": taken,
                "named": named,
                "uses": self._uses(places_of(orphans)) if request.prune else (),
                "placed": self._placed() if request.drift else (),
            }
        )

    def held(self) -> Snapshot:
        """The live rows of ours, what uses them, and who could have them instead."""
        doubled, held = ask_held(self.connection, self.opening, self.asked, self.about)
        places = places_of(held)
        seen = (*self._look(places, orphan=True), *doubled)
        return self._snapshot((), seen).model_copy(
            update={
                "uses": self._uses(places),
                "heirs": find_heirs(self.connection, self.template, self.about.targets),
            }
        )

    def undone(self, applied: Plan) -> Snapshot:
        """What stands where a plan was applied, and what uses it."""
        places = [
            (target, address)
            for change in applied.changes
            for target in change.targets
            for address in {change.address, getattr(change, "source", change.address)}
        ]
        seen = (*self._look(places), *self._doubled(places))
        return self._snapshot((), seen).model_copy(update={"uses": self._uses(places)})

    def _snapshot(self, rows: Sequence[Row], states: Sequence[State]) -> Snapshot:
        return Snapshot(
            database=self.opening.database,
            template=self.template,
            targets=self.targets,
            fingerprint=fingerprint(rows),
            rows=tuple(rows),
            states=tuple(states),
            shapes=self.opening.shapes,
            left_out=self.opening.left_out,
            signed=signed(self.opening.kinds, self.opening.catalog),
        )

    def _look(self, places: Places, *, orphan: bool = False) -> list[State]:
        if not places:
            return []
        return look(self.connection, self.opening, self.asked, self.about, places, orphan=orphan)

    def _doubled(self, places: Places) -> list[State]:
        """Those of the addresses that stand twice somewhere."""
        wanted = {address for _, address in places}
        asked = ask_doubled(self.connection, self.opening, self.asked, self.about, wanted)
        return [state for state in asked if state.address in wanted]

    def _uses(self, places: Places) -> tuple[Use, ...]:
        if not places:
            return ()
        return count_uses(self.connection, self.opening, self.asked, self.about, places)

    def _placed(self) -> tuple[State, ...]:
        return ask_placed(self.connection, self.opening, self.asked, self.about)

    def _closer(self, seen: Sequence[State], request: Request) -> tuple[State, ...]:
        """The states, with orphans, unlinked installations and what is released in full.

        A version that the template no longer has stays, whatever it holds; and a row that is as
        the template has it does not travel, unless it is to be released.
        """
        kinds = {kind.name: kind for kind in self.opening.kinds}
        orphans = [one for one in seen if one.orphan and not kinds[one.address.kind].history]
        unlinked = [
            one
            for one in seen
            if kinds[one.address.kind].installs
            and one.situation == "absent"
            and one.ledger == "retired"
        ]
        lost = {one.address for one in orphans}
        given = request.released - lost
        known = {id(one) for one in (*orphans, *unlinked)}
        known |= {id(one) for one in seen if one.address in given and one.situation != "ambiguous"}
        places = [
            (target, address)
            for address in sorted(given)
            if address.kind in kinds
            for target in self.about.targets
        ]
        return (
            *(one for one in seen if id(one) not in known),
            *self._look(places),
            *self._look(places_of(orphans), orphan=True),
            *self._look(places_of(unlinked)),
        )

    def _moving(self, rows: Sequence[Row], request: Request) -> Places:
        """Where rows, and what belongs to them, may still have the names that they once had."""
        kinds = {kind.name: kind for kind in self.opening.kinds}
        back = Renaming(kinds, [(one.to, one.source, [""]) for one in request.moved])
        names = back.names.get("", ())
        before = {row.address: back.address(row.address, names) for row in rows}
        return [
            (target, old)
            for new, old in before.items()
            if old != new
            for target in self.about.targets
        ]

    def _known(
        self, rows: Sequence[Row], seen: Sequence[State]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Which ids that could be minted are in use, and which texts in SQL name an
        organisation.
        """
        questions = self.asked.questions
        minted = [
            questions.ids_in_use(kind, candidates)
            for kind in self.asked.kinds
            if kind.mint is not None
            and (candidates := mintable(kind.mint, kind.name, self.about, seen))
        ]
        moving = {state.address for state in seen}
        named_kinds = {kind.name: kind for kind in self.asked.kinds}
        constants = {
            text
            for row in rows
            if row.address in moving
            for *_, query in inside(named_kinds[row.address.kind], row.values)
            for text in query.literals
        }
        if constants:
            minted.append(questions.organizations(sorted(constants)))
        answers = [frozenset(line[0] for line in answer) for answer in run(self.connection, minted)]
        named = answers.pop() if constants else frozenset()
        return frozenset().union(*answers), named
