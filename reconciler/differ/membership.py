"""Of an install by reference: the tenant's member for the actor, where there is none.

| the target knows the actor                | what is done                                         |
|-------------------------------------------|------------------------------------------------------|
| by the user's id                          | that entity is the member; an address is added       |
| by a verified address, from a trusted source | that entity is the member; the user's id is added |
| by such an address, from another source   | conflict `untrusted_member`, unless adopted by name  |
| not at all                                | a new member, with both names                        |

Of its metadata, it has what the type requires and the platform knows of the user (user_id, email,
name). Whatever the tenant took away stays away, and what a plan retired comes back.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from reconciler.differ.ownership import Ownership
from reconciler.differ.told import Told, in_order, remaining
from reconciler.kinds import Kinds
from reconciler.kinds.mint import ATTEMPTS
from reconciler.model.address import Address
from reconciler.model.canonical import canonical
from reconciler.model.change import Create, Restore
from reconciler.model.conflict import (
    DeadRowBlocks,
    MissingReference,
    UniqueCollision,
    UntrustedMember,
)
from reconciler.model.kind import Kind, Provided
from reconciler.model.membership import Identity, Known, Membership, Namespace, Person
from reconciler.model.note import DeletedByTenant
from reconciler.model.snapshot import Snapshot, State
from reconciler.model.value import Json, Ref, Values

_TYPE: Final = Address.of("entity_type", ("$member",))
# The platform's users are those of its sign-in, and that is who says what is written here.
_SOURCE: Final = "auth"


def kinds_of(kinds: Iterable[Kind]) -> dict[Provided, Kind]:
    """The kinds whose rows are made from the actor, by what they are."""
    return {kind.provides: kind for kind in kinds if kind.provides}


def addresses(kinds: Kinds, person: Person, known: Known) -> list[Address]:
    """The addresses at which something may have to be made where this is known of a person."""
    found = kinds_of(kinds)
    identity = found["identity"].name
    there = [Address.of(identity, (one.namespace, one.identifier)) for one in known.identities]
    new = [_named(identity, *name) for name in _names(person)]
    members = [Address.of(found["member"].name, (slug,)) for slug in _slugs(person)]
    return list(dict.fromkeys((*there, *new, *(() if known.identities else members))))


def spoken_of(snapshot: Snapshot, kinds: Kinds) -> set[Address]:
    """All addresses of a person's that a plan may speak of."""
    members = snapshot.membership
    found = members.found if members else ()
    return {one for known in found for one in addresses(kinds, members.person, known)}  # type: ignore[union-attr]


class Members:
    """Turns what targets lack of the actor into what the plan says."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.ownership = Ownership(told.snapshot.template)
        self.kinds = kinds_of(told.kinds.values())
        self.states: dict[Address, list[State]] = defaultdict(list)
        for state in told.snapshot.states:
            self.states[state.address].append(state)

    def add(self) -> None:
        """All of it, where members are concerned."""
        members = self.told.snapshot.membership
        for known in members.found if members else ():
            self._add(members, known)  # type: ignore[arg-type]

    def _add(self, members: Membership, known: Known) -> None:
        person, here = members.person, frozenset(known.organizations)
        own, mail = known.named("auth_user_id"), known.named("email")
        missing = {name: one for name, one in _names(person) if not known.named(name)}
        if own:
            self._known(own[0], here, missing)
        elif len({one.entity for one in mail}) > 1:
            self.told.ambiguous(self._identity("email", mail[0].identifier), here)
        elif mail:
            self._bind(members, mail[0], here, missing)
        elif known.required is None:
            address = self._member(next(_slugs(person)))
            found = [
                MissingReference(
                    address=address, target=one, column="entity_type_id", refers_to=_TYPE
                )
                for one in in_order(here)
            ]
            self.told.report(address, found)
        else:
            self._create(person, here, missing, known.required)

    def _known(self, own: Identity, here: frozenset[str], missing: Mapping[Namespace, str]) -> None:
        """The user's id says who it is: only the address may be missing."""
        if own.wrong in (None, "nested"):
            # What stands below another entity has no address to point at.
            self._identities(own.entity, here, {} if own.wrong else missing)
        else:
            self._untrusted(own, own.wrong, here)

    def _bind(
        self,
        members: Membership,
        mail: Identity,
        here: frozenset[str],
        missing: Mapping[Namespace, str],
    ) -> None:
        """The address says who it is, if its word is taken for that."""
        trusted = (mail.source or "") in members.trusted
        address = self._identity("email", mail.identifier)
        if mail.wrong or mail.other:
            self._untrusted(mail, mail.wrong or "taken", here)
        elif trusted or self.told.asked(address, "adopt", "untrusted_member"):
            self._identities(mail.entity, here, missing)
        else:
            self._untrusted(mail, "source", here)

    def _untrusted(self, one: Identity, why: str, here: frozenset[str]) -> None:
        address = self._identity(one.namespace, one.identifier)
        found = [
            UntrustedMember.model_validate(
                {
                    "address": address,
                    "target": target,
                    "entity": one.entity,
                    "source": one.source,
                    "why": why,
                }
            )
            for target in in_order(here)
        ]
        self.told.report(address, found)

    def _create(
        self,
        person: Person,
        here: frozenset[str],
        missing: Mapping[Namespace, str],
        required: Collection[str],
    ) -> None:
        """A new member, under the first name that nobody has; or the one that a plan made."""
        name = person.name.strip() or person.email or person.user_id
        told = {"user_id": person.user_id, "email": person.email, "name": name}
        metadata = {text: value for text, value in told.items() if value and text in required}
        values: Values = {
            "name": name,
            "metadata": Json(text=canonical(metadata)),
            "entity_type_id": Ref(ref=_TYPE),
        }
        taken: dict[str, str] = dict.fromkeys(here, "")
        for slug in _slugs(person):
            address = self._member(slug)
            for state, there in self._found(address, frozenset(taken)):
                settled = self._settle(self.kinds["member"], state, there, values)
                if settled is None:
                    taken |= {one: state.ids_in([one])[0] for one in there}
                    continue
                if settled:
                    self._identities(slug, there, missing)
                for one in there:
                    del taken[one]
        address = self._member(next(_slugs(person)))
        found = [
            UniqueCollision(
                address=address,
                target=one,
                index=self.kinds["member"].table,
                columns=self.kinds["member"].key,
                other_id=taken[one],
            )
            for one in in_order(taken)
        ]
        self.told.report(address, found)

    def _identities(
        self, slug: str, here: frozenset[str], missing: Mapping[Namespace, str]
    ) -> None:
        """The names that a member does not have yet."""
        for namespace, identifier in missing.items():
            address = self._identity(namespace, identifier)
            values: Values = {
                "entity_id": Ref(ref=self._member(slug)),
                "source_connector": _SOURCE,
            }
            for state, there in self._found(address, here):
                if self._settle(self.kinds["identity"], state, there, values) is None:
                    found = [DeadRowBlocks(address=address, target=one) for one in in_order(there)]
                    self.told.report(address, found)

    def _settle(
        self, kind: Kind, state: State, here: frozenset[str], values: Values
    ) -> bool | None:
        """Make the row, or bring it back: says whether it is there then. None where something
        else is in its place.
        """
        have, address = state.values or {}, state.address
        verdict = self.ownership.verdict(kind, state)
        asked = verdict == "deleted_by_tenant" and self.told.asked(address, "restore")
        # What comes back, comes back as it was; it must be the same person's.
        same = all(
            have.get(one.name) == values[one.name] for one in kind.compared if one.references
        )
        if verdict == "compare":
            return True if same else None
        if verdict == "deleted_by_tenant" and not asked:
            self.told.notes.append(DeletedByTenant(address=address, targets=in_order(here)))
            return False
        if verdict == "restore" or (asked and state.revivable):
            if same:
                self._restore(state, here)
                return True
            if state.blocks:
                return None
        elif verdict != "create" and not asked:
            return None
        made = Create(
            address=address,
            targets=in_order(here),
            values=values,
            was=state.ledger if asked else None,
        )
        self.told.change(made)
        return True

    def _restore(self, state: State, here: frozenset[str]) -> None:
        there = in_order(here)
        back = Restore(
            address=state.address,
            targets=there,
            ids=state.ids_in(there),
            before=state.values or {},
            **remaining(state),
        )
        self.told.change(back)

    def _found(
        self, address: Address, here: frozenset[str]
    ) -> Iterator[tuple[State, frozenset[str]]]:
        for state in self.states[address]:
            if there := here.intersection(state.organizations):
                yield state, there

    def _member(self, slug: str) -> Address:
        return Address.of(self.kinds["member"].name, (slug,))

    def _identity(self, namespace: Namespace, identifier: str) -> Address:
        return _named(self.kinds["identity"].name, namespace, identifier)


def _names(person: Person) -> Iterator[tuple[Namespace, str]]:
    """Under which names a person is to be known."""
    yield "auth_user_id", person.user_id
    if person.email is not None:
        yield "email", person.email


def _named(kind: str, namespace: Namespace, identifier: str) -> Address:
    return Address.of(kind, (namespace, identifier))


def _slugs(person: Person) -> Iterator[str]:
    """The names that a person's entity may get: the same in every tenant, and nobody else's."""
    for attempt in range(ATTEMPTS):
        seed = f"{person.user_id}\0{attempt}"
        yield "member-" + hashlib.sha256(seed.encode()).hexdigest()[:20]
