"""Hostile text in every place that only comings, goings, renames and drift have."""

from __future__ import annotations

from reconciler.model.address import Address
from reconciler.model.canonical import canonical
from reconciler.model.change import Change, Move, Release, Restore, Retire
from reconciler.model.conflict import Conflict, InUse, Irreversible, TouchedSince
from reconciler.model.note import DanglingOwner, LikelyRename, Note
from reconciler.model.plan import Drift, Plan
from reconciler.model.request import Resolution
from reconciler.model.snapshot import RowOwner
from reconciler.model.value import Json
from tests.fixtures.plans import ACME, description, plan
from tests.render.hostile_versions import STORED


def hostile_lifecycle() -> Plan:
    """Rows that come, go, are renamed or drifted, all of them called something harmful."""
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    notes: list[Note] = []
    drift: list[Drift] = []
    chosen: list[Resolution] = []
    for text in STORED:
        address = Address.of("entity_type", (text,))
        other = Address.of("entity_type", (text + "!",))
        field = description(text, text + "!").model_copy(update={"column": text})
        owner = RowOwner(agent=text, organization=text, name=text)
        row = {"address": address, "targets": (ACME,), "before": {text: text}, "fields": (field,)}
        changes += [
            Restore(ids=(text,), **row),
            Release(because="asked", to=owner, **row),
            Retire(edited=(text, text), **row),
            Move(
                address=other,
                targets=(ACME,),
                source=address,
                before={},
            ),
        ]
        conflicts += [
            InUse(address=address, target=ACME, uses={text: 2, text + "!": 1}),
            TouchedSince(address=other, target=ACME, how="changed", fields=(field,)),
            Irreversible(address=address, target=ACME, column=text),
        ]
        notes += [
            DanglingOwner(address=address, targets=(ACME,), owner=text),
            LikelyRename(address=other, targets=(ACME,), source=address),
        ]
        nested = {text: [text] * 40}
        drift += [
            Drift(
                address=address,
                targets=(ACME,),
                column=text,
                base=Json(text=canonical(nested)),
                ours=Json(text=canonical({**nested, text + "!": text})),
                theirs=text,
                then="overwritten",
            ),
            Drift(
                address=address,
                targets=(ACME,),
                column=text,
                base=text,
                ours=f"```\n{text}",
                theirs=text,
                then="kept",
            ),
        ]
        chosen.append(Resolution(action="release", address=address, chosen_by=text))
    return plan(changes, conflicts, notes, resolutions=chosen, drift=drift)
