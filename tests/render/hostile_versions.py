"""Hostile text in every place that only versioned kinds have."""

from __future__ import annotations

from reconciler.model.address import Address
from reconciler.model.change import Change, Create, FieldChange, Update
from reconciler.model.conflict import Conflict, EditedBoth, Incomplete, RewrittenVersion
from reconciler.model.note import Deferred, Held, Note, SuspectQuery
from reconciler.model.plan import Plan
from reconciler.model.value import Ref
from tests.fixtures.hostile import HOSTILE
from tests.fixtures.plans import ACME, plan

# A database stores no lone surrogates and no NUL, nor does a plan file.
STORED = tuple(text.replace("\ud800", "").replace("\x00", "") for text in HOSTILE)


def hostile_versions() -> Plan:
    """Watchers, versions, and all that only they can have in the way, full of harmful text."""
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    notes: list[Note] = []
    without = {}
    for text in STORED:
        address = Address.of("watcher_version", (text, "1"))
        before, after = f"{text}\n```\n{text}", f"```\n{text}\n</details>\n{text}!"
        field = FieldChange(column=text, before=before, after=after)
        changes += [
            Create(address=address, targets=(ACME,), values={text: before, "schedule": text}),
            Update(
                address=Address.of("watcher", (text,)),
                targets=(ACME,),
                before={text: before},
                fields=(field,),
            ),
        ]
        conflicts += [
            RewrittenVersion(address=address, target=ACME, fields=(field,)),
            Incomplete(address=address, target=ACME, column=text, wrong="empty"),
            Incomplete(address=address, target=ACME, column=text, wrong="bad_schedule", value=text),
            EditedBoth(
                address=address,
                target=ACME,
                column=text,
                base=None,
                ours=Ref(ref=address),
                theirs=Ref(ref=address, organization=text),
            ),
        ]
        notes += [
            Deferred(address=address, targets=(ACME,), refers_to=address, why="absent"),
            Held(address=address, targets=(ACME,), column=text, refers_to=address),
            SuspectQuery(
                address=address,
                targets=(ACME,),
                column=text,
                path=text,
                problem="other_table",
                detail=text,
            ),
        ]
        without[text] = text
    return plan(changes, conflicts, notes, left_out=without)
