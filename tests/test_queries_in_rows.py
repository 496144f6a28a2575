"""SQL that a template's rows carry: what is suspect about it is said, and none of it is changed."""

from __future__ import annotations

import pytest

from tests.fixtures.publisher import Publisher
from tests.fixtures.world import World

PLAIN = """
-- what is open, „ordered“\tby name
SELECT e.slug, e.metadata ->> 'due' AS "Due"  FROM entities AS e
  JOIN public.entity_types t ON t.id = e.entity_type_id AND t.slug = 'it''s'
 WHERE e.organization_id = current_setting('app.organization_id')\r\n ;  \n"""


def suspects(publisher: Publisher, *targets: str) -> list[tuple[str, str, str, str]]:
    """Where, what is wrong, and what it names, of every suspect query of a plan."""
    return [
        (f"{one.address} {one.column}{one.path}", one.problem, one.detail, " ".join(one.targets))
        for one in publisher.plan(*targets).notes if one.about == "suspect_query"
    ]  # fmt: skip


def stored(publisher: Publisher, slug: str = "w") -> list[str]:
    return [one["query"] for one in publisher.found(slug)["sources"]]


def test_what_is_suspect_is_said_and_the_text_stays_as_it_was_written(publisher: Publisher) -> None:
    stranger = publisher.world.organization()
    queries = [
        PLAIN,
        f"SELECT * FROM entities WHERE organization_id = '{publisher.public}'",
        f"SELECT 1 FROM events WHERE 'x' = '{stranger}' OR 'y' = '{publisher.tenant}'",
        "SELECT  token FROM oauth_tokens, pg_catalog.pg_authid",
        "SELECT FROM FROM WHERE (",
        "DELETE FROM entities; SELECT 1",
        "",
    ]
    sources = [{"name": f"n{place}", "query": text} for place, text in enumerate(queries)]
    publisher.watcher(sources=sources)
    found = suspects(publisher)
    at = "watcher.w sources"
    told = [(path.removeprefix(at), problem) for path, problem, *_ in found]
    assert sorted(set(told)) == [
        ("/1/query", "other_organization"), ("/2/query", "other_organization"),
        ("/3/query", "other_table"), ("/4/query", "unparsable"), ("/5/query", "unparsable"),
        ("/6/query", "unparsable"),
    ]  # fmt: skip
    named = [(path.removeprefix(at), detail) for path, problem, detail, _ in found
             if problem != "unparsable"]  # fmt: skip
    assert sorted(named) == [
        ("/1/query", publisher.public), ("/2/query", stranger),
        ("/3/query", "oauth_tokens"), ("/3/query", "pg_catalog.pg_authid"),
    ]  # fmt: skip
    # A note is no conflict: a person has read it, and applies.
    publisher.install()
    assert stored(publisher) == queries
    assert publisher.found()["sources"] == sources
    publisher.settled()
    assert suspects(publisher) == []


def test_a_query_that_names_one_of_the_targets_is_said_for_the_others(publisher: Publisher) -> None:
    other = publisher.world.organization()
    query = f"SELECT slug FROM entities WHERE organization_id = '{publisher.tenant}'"
    publisher.watcher(sources=[{"name": "n", "query": query}])
    assert suspects(publisher) == []
    found = ("watcher.w sources/0/query", "other_organization", publisher.tenant, other)
    assert suspects(publisher, publisher.tenant, other) == [found]
    publisher.install(publisher.tenant, other)
    assert publisher.found(organization=other)["sources"][0]["query"] == query


def test_an_update_is_read_as_a_new_row_is(publisher: Publisher) -> None:
    publisher.watcher(sources=[{"name": "n", "query": PLAIN}])
    publisher.install()
    # What does not change is not said again.
    publisher.update(publisher.public, name="New")
    assert suspects(publisher) == []
    text = "SELECT  *\n\tFROM agents -- everybody's"
    publisher.world.sql(
        "UPDATE watchers SET sources = jsonb_set(sources, '{0,query}', to_jsonb(%s::text)) "
        "WHERE organization_id = %s", text, publisher.public,
    )  # fmt: skip
    assert suspects(publisher) == [
        ("watcher.w sources/0/query", "other_table", "agents", publisher.tenant)
    ]
    publisher.install()
    assert stored(publisher) == [text]
    # The tenant's edit of a query is overwritten, and the new text is judged, not the old one.
    publisher.world.sql(
        "UPDATE watchers SET sources = '[]' WHERE organization_id = %s", publisher.tenant
    )
    assert len(suspects(publisher)) == 1


@pytest.mark.parametrize(
    "sources", ["[]", "null", "{}", '"SELECT 1 FROM agents"', '[{"query": 7}, 3, null, [[]], {}]']
)  # fmt: skip
def test_sources_of_another_shape_are_placed_as_they_are(
    publisher: Publisher, sources: str
) -> None:
    publisher.watcher()
    publisher.world.sql("UPDATE watchers SET sources = %s WHERE organization_id = %s",
                        sources, publisher.public)  # fmt: skip
    assert suspects(publisher) == []
    publisher.install()
    assert publisher.world.sql(
        "SELECT sources = %s::jsonb FROM watchers WHERE organization_id = %s",
        sources, publisher.tenant,
    ) == [(True,)]  # fmt: skip
    publisher.settled()


def test_taken_over_the_templates_queries_are_judged_too(publisher: Publisher) -> None:
    publisher.watcher(sources=[{"name": "n", "query": "TABLE agents"}])
    publisher.watcher(organization_id=publisher.tenant, version=9, agent_id=None,
                      sources=[{"name": "n", "query": "SELECT mine FROM somewhere"}])  # fmt: skip
    assert suspects(publisher) == []
    plan = publisher.plan(adopt=["watcher.w"])
    assert [(one.problem, one.detail) for one in plan.notes if one.about == "suspect_query"] == [
        ("other_table", "agents")
    ]
    publisher.install(adopt=["watcher.w"])
    assert stored(publisher) == ["TABLE agents"]


def test_the_demos_own_queries_are_above_suspicion(world: World) -> None:
    notes = world.plan("birch").notes
    assert [one for one in notes if one.about == "suspect_query"] == []
