"""What a unique index rules out need not be looked for; what it might not, must be."""

from __future__ import annotations

import pytest

from reconciler import kinds
from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.uniqueness import holds_off, one_a_key

KINDS: dict[str, Kind] = {kind.name: kind for kind in kinds.load()}
TYPE = KINDS["entity_type"]


def index(*expressions: str, predicate: str | None = None) -> UniqueIndex:
    return UniqueIndex(name="one", expressions=expressions, predicate=predicate, primary=False)


OWN = index("organization_id", "slug", predicate="(deleted_at IS NULL)")


@pytest.mark.parametrize(
    ("given", "rules_out"),
    [
        (OWN, True),
        (index("organization_id", "slug"), True),
        (index("slug", predicate="(slug IS NOT NULL)"), True),
        (index("organization_id", "slug", "color"), False),
        (index("organization_id", "lower(slug)"), False),
        (index("organization_id", "slug", predicate="(color IS NULL)"), False),
        (index("id"), False),
    ],
)
def test_two_live_rows_with_one_key(given: UniqueIndex, rules_out: bool) -> None:
    assert one_a_key(TYPE, KINDS, {"entity_type": (given,)}) is rules_out


def test_a_child_has_its_key_once_where_its_parent_has() -> None:
    own = index("watcher_id", "version")
    parents = index("organization_id", "slug", predicate="(slug IS NOT NULL)")
    version = KINDS["watcher_version"]
    assert one_a_key(version, KINDS, {"watcher": (parents,), "watcher_version": (own,)})
    assert not one_a_key(version, KINDS, {"watcher": (), "watcher_version": (own,)})


@pytest.mark.parametrize(
    ("given", "only_its_own"),
    [
        (OWN, True),
        # A dead row still occupies its key.
        (index("organization_id", "slug"), False),
        # A row of another organisation, or with another key, is in the way.
        (index("slug", predicate="(deleted_at IS NULL)"), False),
        (index("organization_id", "name", predicate="(deleted_at IS NULL)"), False),
        (index("organization_id", "lower(slug)", predicate="(deleted_at IS NULL)"), False),
    ],
)
def test_nothing_but_the_row_itself_is_in_the_way(given: UniqueIndex, only_its_own: bool) -> None:
    assert holds_off(TYPE, given) is only_its_own


def test_the_catalogs_spelling_of_a_condition_is_the_kinds() -> None:
    active = index("organization_id", "slug", predicate="(status = 'active'::text)")
    kind = KINDS["relationship_type"]
    assert one_a_key(kind, KINDS, {"relationship_type": (active,)})
    # A deleted row that is still active occupies its key.
    assert not holds_off(kind, active)
