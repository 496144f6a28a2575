"""A vocabulary, held against a resolver that knows nothing of SQL, over random catalogs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reconciler
from reconciler.model.vocabulary import ClosedCatalog, LostTemplate, Unresolved, Vocabulary
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.shown import depth
from tests.fixtures.world import World

SLUGS = ("a", "b", "$s")
OWN, STRANGER = "own", "stranger"
HOMES = ("first", "second", "third")
TEMPLATES = (0, 1)
DEAD = {
    "entity_type": [{"deleted_at": "2026-01-01"}],
    "relationship_type": [{"deleted_at": "2026-01-01"}, {"status": "archived"}],
}
# Which rows an organisation has: by kind and slug, whether it lives, or how it died.
KINDS = st.fixed_dictionaries(
    {
        (kind, slug): st.one_of(st.none(), st.just({}), st.just({}), st.sampled_from(deaths))
        for kind, deaths in DEAD.items()
        for slug in SLUGS
    }
)
READS = st.lists(
    st.tuples(st.sampled_from(HOMES), st.one_of(st.none(), st.integers(0, 2))), max_size=4
)
SAMPLES = st.fixed_dictionaries(
    {
        "rows": st.fixed_dictionaries(dict.fromkeys((OWN, STRANGER, *HOMES), KINDS)),
        "open": st.fixed_dictionaries(dict.fromkeys(HOMES, st.sampled_from([True, True, False]))),
        "reads": st.fixed_dictionaries(dict.fromkeys(TEMPLATES, READS)),
        "lost": st.fixed_dictionaries(
            dict.fromkeys(
                TEMPLATES, st.sampled_from([None, None, "deleted", "no_template", "no_catalog"])
            )
        ),
        # Which template each agent names, the oldest agent first; none at all, or one that is gone.
        "agents": st.lists(st.sampled_from([*TEMPLATES, *TEMPLATES, None, "gone"]), max_size=4),
        "things": st.lists(
            st.tuples(
                st.sampled_from((OWN, STRANGER, *HOMES)),
                st.sampled_from(SLUGS),
                st.booleans(),
            ),
            max_size=5,
        ),
    }
)


@dataclass
class Sample:
    """What was drawn, and the ids under which it stands in the database."""

    drawn: dict[str, Any]
    catalogs: list[Catalogs]
    homes: dict[str, str] = field(default_factory=dict)
    ids: dict[tuple[str, str, str], str] = field(default_factory=dict)
    agents: list[str] = field(default_factory=list)

    def plant(self) -> None:
        """Write all of it."""
        one, drawn = self.catalogs[0], self.drawn
        for home in HOMES:
            self.homes[home] = one.catalog()
        self.homes |= {STRANGER: one.catalog(), OWN: one.world.organization()}
        for home, rows in drawn["rows"].items():
            for (kind, slug), columns in rows.items():
                if columns is not None:
                    insert = one.type if kind == "entity_type" else one.relationship
                    self.ids[home, kind, slug] = str(insert(self.homes[home], slug, **columns))
        for number, reads in drawn["reads"].items():
            for home, position in reads:
                metadata = {} if position is None else {"position": position}
                self.catalogs[number].uses(self.homes[home], **metadata)
        for number, why in drawn["lost"].items():
            self._lose(self.catalogs[number], why)
        for home, public in drawn["open"].items():
            if not public:
                one.world.sql(
                    "UPDATE organization SET visibility = 'private' WHERE id = %s",
                    self.homes[home],
                )
        for age, named in enumerate(drawn["agents"]):
            entity = {None: None, "gone": 0}.get(named, 0)
            if named in TEMPLATES:
                entity = self.catalogs[named].entity
            # The younger an agent, the smaller its id: it is the age that counts.
            agent = f"agent_{9 - age}_{self.homes[OWN]}"
            one.world.insert(
                "agents", id=agent, organization_id=self.homes[OWN], name="A",
                template_entity_id=entity, created_at=f"2026-01-0{age + 1}",
            )  # fmt: skip
            self.agents.append(agent)
        for number, (home, slug, live) in enumerate(drawn["things"]):
            if (home, "entity_type", slug) in self.ids:
                of = int(self.ids[home, "entity_type", slug])
                columns = {} if live else {"deleted_at": "2026-01-01"}
                one.thing(self.homes[OWN], of, f"thing-{number}", **columns)

    def _lose(self, template: Catalogs, why: str | None) -> None:
        sql = template.world.sql
        if why == "deleted":
            sql("UPDATE entities SET deleted_at = now() WHERE id = %s", template.entity)
        if why == "no_template":
            sql("UPDATE entity_types SET slug = 'x' WHERE organization_id = %s", template.home)
        if why == "no_catalog":
            sql("UPDATE organization SET visibility = 'private' WHERE id = %s", template.home)

    def declared(self, agents: list[int]) -> list[str]:
        """The catalogs that these agents name, each once, be they open or not."""
        found: list[str] = []
        for agent in agents:
            named = self.drawn["agents"][agent]
            if named not in TEMPLATES or self.drawn["lost"][named]:
                continue
            reads = self.drawn["reads"][named]
            first = sorted(
                (position is None, position or 0, number, home)
                for number, (home, position) in enumerate(reads)
            )
            found += [home for *_, home in first if home not in found]
        return list(dict.fromkeys(found))

    def resolved(self, agents: list[int], kind: str) -> dict[str, list[str]]:
        """The ids of the live rows of each slug, the nearest first."""
        path = [OWN, *(home for home in self.declared(agents) if self.drawn["open"][home])]
        found: dict[str, list[str]] = {}
        for home in path:
            for (of, slug), columns in self.drawn["rows"][home].items():
                hidden = slug.startswith("$") and home != OWN
                if of == kind and columns == {} and not hidden:
                    found.setdefault(slug, []).append(self.ids[home, kind, slug])
        return found

    def unresolved(self) -> Counter[str]:
        """How many live entities have each type that the tenant cannot resolve."""
        everybody = self.resolved(list(range(len(self.agents))), "entity_type").values()
        known = {one for ids in everybody for one in ids}
        types = [
            self.ids.get((home, "entity_type", slug))
            for home, slug, live in self.drawn["things"]
            if live
        ]
        return Counter(one for one in types if one is not None and one not in known)

    def lost(self, agents: list[int]) -> dict[str, str]:
        """The agents whose template counts no more, with the reason."""
        named = {self.agents[one]: self.drawn["agents"][one] for one in agents}
        reasons = {**self.drawn["lost"], "gone": "missing", None: None}
        return {agent: reasons[one] for agent, one in named.items() if reasons[one]}


def entries(found: Vocabulary, kind: str) -> dict[str, list[str]]:
    """The ids of each slug, the nearest first."""
    return {
        one.slug: [one.id, *(far.id for far in one.shadows)]
        for one in found.entries
        if one.kind == kind
    }


@settings(
    deadline=None,
    max_examples=depth(6, 150),
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(drawn=SAMPLES)
def test_a_vocabulary_is_what_a_naive_resolver_says(
    shared_world: World, drawn: dict[str, Any]
) -> None:
    sample = Sample(drawn, [gathered(shared_world) for _ in TEMPLATES])
    sample.plant()
    everybody = list(range(len(sample.agents)))
    asked = [(sample.homes[OWN], everybody), *((sample.agents[one], [one]) for one in everybody)]
    for name, agents in asked:
        found = reconciler.vocabulary(shared_world.connection, name)
        declared = sample.declared(agents)
        assert [one.organization.id for one in found.path] == [
            sample.homes[home] for home in (OWN, *declared)
        ]
        for kind in DEAD:
            assert entries(found, kind) == sample.resolved(agents, kind)
        of = {sort: [one for one in found.dangling if isinstance(one, sort)]
              for sort in (LostTemplate, ClosedCatalog, Unresolved)}  # fmt: skip
        assert [one.organization.id for one in of[ClosedCatalog]] == [
            sample.homes[home] for home in declared if not drawn["open"][home]
        ]
        lost = {agent: one.why for one in of[LostTemplate] for agent in one.agents}
        assert lost == sample.lost(agents)
        assert {one.id: one.rows for one in of[Unresolved]} == sample.unresolved()
