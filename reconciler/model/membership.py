"""Who somebody is to a tenant: the entity that stands for a user, and the names it is known by.

Read for an install by reference, in the name of a member. Targets in which nothing is missing do
not travel, and those that look the same are one `Known`.
"""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Noun

# What is wrong with the entity that an identity points at: it is no member of this organisation, it
# was deleted, it is another type's, or it stands below another one, where it has no address.
Wrong = Literal["elsewhere", "deleted", "other_type", "nested"]
Namespace = Literal["auth_user_id", "email"]


class Person(Noun):
    """A user, as the platform has it; `email` is in lower case, and None unless verified."""

    user_id: str
    name: str
    email: str | None = None


class Identity(Noun):
    """A live identity that is the person's by what it says.

    source  the connector that wrote it, if any did
    entity  the slug of the entity that it points at, and what is wrong with that
    other   another user whose that entity is
    """

    namespace: Namespace
    identifier: str
    source: str | None = None
    entity: str
    wrong: Wrong | None = None
    other: str | None = None


class Known(Noun):
    """What some targets know of the person.

    required  the properties that a member's metadata must have there; None where there is no live
              type `$member`
    """

    organizations: tuple[str, ...]
    required: tuple[str, ...] | None
    identities: tuple[Identity, ...] = ()

    def named(self, namespace: Namespace) -> tuple[Identity, ...]:
        """The identities of one namespace."""
        return tuple(one for one in self.identities if one.namespace == namespace)


class Membership(Noun):
    """The person, whose word is taken for who somebody is, and the targets that lack something.

    trusted  connectors; '' stands for identities that none wrote
    """

    person: Person
    trusted: frozenset[str]
    found: tuple[Known, ...] = ()

    def without(self, organizations: frozenset[str]) -> Membership:
        """The same as if these organisations were no targets."""
        left = (
            one.model_copy(update={"organizations": there})
            for one in self.found
            if (there := tuple(each for each in one.organizations if each not in organizations))
        )
        return self.model_copy(update={"found": tuple(left)})
