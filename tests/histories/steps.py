"""What can happen between two syncs, as strategies: a step is `(act, who, ...)`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.histories.town import SLUGS, TABLES, Step

Steps = st.SearchStrategy[Step]
TENANTS = ("acme", "bob")
# Few rows and few people, so that they get in each other's way.
WHO = st.sampled_from(["template", "template", "acme", "acme", "bob"])
HOT = {kind: (slugs[0], *slugs) for kind, slugs in SLUGS.items()}
VALUE = st.sampled_from(["one", "two", "three"])
WHICH, YES = st.integers(0, 3), st.booleans()
VERSIONED = tuple(kind for kind, table in TABLES.items() if table.versions)
POINTING = ("watcher", "classifier", "watcher_classifier")
SCHEDULES = st.sampled_from(["0 7 * * *", "*/5 * * * *", None, "0 7 * * *", "now and then"])
QUERIES = st.sampled_from(["SELECT 1", "SELECT 2 AS 1.10", "SELECT id FROM member"])
SOURCES = st.builds(lambda query: [{"name": "s", "query": query}], QUERIES) | st.just([])
TEXT = VALUE | st.none()
# Managed columns, and those that belong to the tenant's running instance.
COLUMNS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "watcher": {
        "name": TEXT,
        "schedule": SCHEDULES,
        "sources": SOURCES | st.none(),
        "tags": st.sampled_from([[], ["a", "b,c"], None]),
        "reaction_script": TEXT,
    },
    "classifier": {"name": VALUE, "description": TEXT, "attribute_key": VALUE},
    "watcher_classifier": {"name": VALUE, "description": TEXT, "attribute_key": VALUE},
    "view_template": {"name": VALUE},
    "entity_type": {"name": VALUE, "description": TEXT},
    "relationship_type": {"name": VALUE, "description": TEXT, "is_symmetric": YES},
}
RUNNING: dict[str, st.SearchStrategy[Any]] = {
    "next_run_at": st.sampled_from([None, "2031-02-03T04:05:06Z"]),
    "connection_id": TEXT,
    "scheduler_client_id": TEXT,
    "entity_ids": st.sampled_from([None, [], [1, 2]]),
}


def on_a_row(
    act: str,
    *more: st.SearchStrategy[Any],
    who: st.SearchStrategy[str] = WHO,
    kinds: tuple[str, ...] = tuple(SLUGS),
) -> Steps:
    """Somebody does this to a row."""
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.tuples(st.just(act), who, st.just(kind), st.sampled_from(HOT[kind]), *more)
    )


def _edits(kind: str) -> Steps:
    one = [
        st.tuples(
            st.just("edit"), WHO, st.just(kind), st.sampled_from(HOT[kind]), st.just(column), value
        )
        for column, value in COLUMNS[kind].items()
    ]
    return st.one_of(one)


WATCHERS = st.sampled_from(SLUGS["watcher"])
RUN = st.one_of(
    st.tuples(
        st.just("edit"), st.sampled_from(TENANTS), st.just("watcher"), WATCHERS, st.just(column),
        value,
    )
    for column, value in RUNNING.items()
)  # fmt: skip
PUBLISH = on_a_row(
    "publish", st.sampled_from(["next", "same", "own"]), VALUE, YES, YES, kinds=VERSIONED
)
# In place of what was placed, under the same number.
USURP = on_a_row(
    "usurp", VALUE, YES, YES, who=st.sampled_from(["acme", "acme", "bob"]), kinds=VERSIONED
)
TEMPLATE_PUBLISHES = on_a_row(
    "publish", st.just("next"), VALUE, st.just(True), YES, who=st.just("template"), kinds=VERSIONED
)
KILL = on_a_row("kill", st.sampled_from(["retire", "revive", "delete", "delete"]))
# Each as likely as any other: a union would count the columns that can be edited.
STEP: Steps = st.sampled_from(
    [
        on_a_row("add", VALUE, YES),
        st.sampled_from(sorted(COLUMNS)).flatmap(_edits),
        RUN,
        PUBLISH,
        TEMPLATE_PUBLISHES,
        TEMPLATE_PUBLISHES,
        USURP,
        on_a_row("rewrite", WHICH, VALUE, kinds=VERSIONED),
        on_a_row("point", WHICH | st.none(), YES, kinds=POINTING),
        on_a_row("unpublish", WHICH, kinds=VERSIONED),
        KILL,
        KILL,
        st.tuples(st.just("group"), WHO, WATCHERS, WATCHERS),
        st.tuples(
            st.just("show"), WHO, st.sampled_from(SLUGS["entity_type"]),
            st.sampled_from(SLUGS["view_template"]) | st.none(), WHICH,
        ),
        st.tuples(
            st.just("rule"), WHO, st.sampled_from(SLUGS["relationship_type"]),
            st.sampled_from(SLUGS["entity_type"]), st.sampled_from(SLUGS["entity_type"]),
        ),
        st.tuples(
            st.just("inverse"), WHO, st.sampled_from(SLUGS["relationship_type"]),
            st.sampled_from(SLUGS["relationship_type"]) | st.none(),
        ),
        st.tuples(st.just("fire"), st.sampled_from(TENANTS)),
    ]
).flatmap(lambda one: one)  # fmt: skip
# An id of an agent that is gone is read as nothing, and so it is undone to nothing.
PLAIN = STEP.map(lambda step: ("dismiss", *step[1:]) if step[0] == "fire" else step)
SYNC: Steps = st.tuples(
    st.just("sync"), st.sampled_from([("acme",), ("acme",), ("bob",), TENANTS]), YES
)
HISTORY = st.lists(st.tuples(st.lists(STEP, min_size=2, max_size=10), SYNC), min_size=2, max_size=4)
