"""Versioned kinds of a made-up application, from nothing but TOML: a press house's archive.

An article points at one of its revisions; of a notice's issues, one carries a flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler import planfile
from reconciler.errors import KindError
from reconciler.kinds import load
from reconciler.model.plan import Plan
from tests.fixtures.world import World

TRACKED = "placed_by text, placed_for text"
TABLES = f"""
CREATE SCHEMA press;
CREATE TABLE press.article (
    no bigserial PRIMARY KEY, desk text NOT NULL REFERENCES organization (id), {TRACKED},
    section varchar(20) NOT NULL, slug text NOT NULL, headline text NOT NULL,
    edition uuid, edition_label text, UNIQUE (desk, section, slug)
);
CREATE TABLE press.article_revision (
    uid uuid PRIMARY KEY DEFAULT gen_random_uuid(), article bigint REFERENCES press.article,
    label text NOT NULL, body text NOT NULL, words json, set_at timestamptz, UNIQUE (article, label)
);
ALTER TABLE press.article ADD FOREIGN KEY (edition) REFERENCES press.article_revision;
CREATE TABLE press."Notice" (
    id text PRIMARY KEY, desk text NOT NULL REFERENCES organization (id), {TRACKED},
    title text NOT NULL, pulled boolean NOT NULL DEFAULT false
);
CREATE TABLE press."Issue" (
    id text PRIMARY KEY, notice text NOT NULL REFERENCES press."Notice" ON DELETE CASCADE,
    year int NOT NULL, letter text NOT NULL, text text NOT NULL, "inForce" boolean NOT NULL,
    UNIQUE (notice, year, letter)
);
CREATE UNIQUE INDEX ON press."Issue" (notice) WHERE "inForce";
"""
OWNED = 'scope = "desk"\nowner = { agent = "placed_by", organization = "placed_for" }\n'
ARTICLE = f"""{OWNED}
table = "article"
id = "no"
key = ["section", "slug"]
[columns]
headline = {{}}
edition = {{ references = "revision", owner = "shared", required = true }}
edition_label = {{ owner = "shared", follows = "edition" }}
"""
REVISION = """
table = "article_revision"
id = "uid"
parent = { kind = "article", column = "article" }
key = ["label"]
history = "current"
stamps = { create = { set_at = "now" } }
[columns]
body = {}
words = {}
"""
NOTICE = f"""{OWNED}
table = "Notice"
id = {{ column = "id", mint = "ntc_" }}
key = ["title"]
live = "NOT pulled"
retire = {{ pulled = "true" }}
[columns]
force = {{ references = "issue", flag = "inForce", owner = "shared" }}
"""
ISSUE = """
table = "Issue"
id = { column = "id", mint = "iss_" }
parent = { kind = "notice", column = "notice" }
key = ["year", "letter"]
history = "current"
columns = { text = {} }
"""
TEXTS = {"article": ARTICLE, "revision": REVISION, "notice": NOTICE, "issue": ISSUE}
FILES = {
    name: f'kind = "{name}"\ntitle = "{name}"\nschema = "press"\n{text}'
    for name, text in TEXTS.items()
}


@dataclass
class Press:
    """A template with an article and a notice, and a tenant."""

    world: World
    public: str
    target: str

    def plan(self, **options: Any) -> Plan:
        return self.world.plan(self.target, template=self.public, **options)

    def install(self, **options: Any) -> dict[str, dict[str, int]]:
        plan = planfile.loads(planfile.dumps(self.plan(**options)))
        return self.world.apply(plan).counts

    def settled(self, **options: Any) -> None:
        plan = self.plan(**options)
        assert (plan.changes, plan.conflicts) == ((), ())

    def revise(self, desk: str, label: str, body: str = "", *, current: bool = True) -> None:
        """A new revision of a desk's article."""
        self.world.sql(
            "WITH made AS (INSERT INTO press.article_revision (article, label, body, words) "
            "SELECT no, %s, %s, '{\"n\": 1.10}' FROM press.article WHERE desk = %s RETURNING uid) "
            "UPDATE press.article SET edition = made.uid, edition_label = %s FROM made "
            "WHERE desk = %s AND %s", label, body or label, desk, label, desk, current,
        )  # fmt: skip

    def issue(self, desk: str, year: int, letter: str, text: str = "") -> None:
        """A new issue of a desk's notice, in force."""
        ((notice,),) = self.world.sql('SELECT id FROM press."Notice" WHERE desk = %s', desk)
        self.world.sql('UPDATE press."Issue" SET "inForce" = false WHERE notice = %s', notice)
        row = (f"{notice}/{year}{letter}", notice, year, letter, text or letter)
        self.world.sql('INSERT INTO press."Issue" VALUES (%s, %s, %s, %s, %s, true)', *row)

    def article(self, desk: str = "") -> tuple[Any, ...]:
        """The headline, the current revision, and every revision."""
        (found,) = self.world.sql(
            "SELECT a.headline, a.edition_label, (SELECT label FROM press.article_revision "
            "WHERE uid = a.edition), array_agg(r.label || '=' || r.body ORDER BY label) "
            "FROM press.article a LEFT JOIN press.article_revision r ON r.article = a.no "
            "WHERE a.desk = %s GROUP BY a.no", desk or self.target,
        )  # fmt: skip
        return found

    def issues(self, desk: str = "") -> list[tuple[Any, ...]]:
        """year, letter, text, whether in force: of a desk's notice."""
        return self.world.sql(
            'SELECT i.year, i.letter, i.text, i."inForce" FROM press."Issue" i '
            'JOIN press."Notice" n ON n.id = i.notice WHERE n.desk = %s ORDER BY 1, 2',
            desk or self.target,
        )

    def rows(self) -> list[tuple[Any, ...]]:
        """All versions, each with the transaction that wrote it."""
        tables = ("article", "article_revision", '"Notice"', '"Issue"')
        each = (f"SELECT xmin::text, t::text FROM press.{table} t" for table in tables)
        return self.world.sql(" UNION ALL ".join(each) + " ORDER BY 2")


@pytest.fixture(scope="module")
def house(shared_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The shared world, with the tables and the kinds' files."""
    shared_world.kinds = tmp_path_factory.mktemp("kinds")
    shared_world.sql(TABLES)
    return shared_world


@pytest.fixture(params=["current"])
def press(house: World, request: pytest.FixtureRequest) -> Press:
    """A template of one's own with the first revision and issue, and a tenant."""
    assert house.kinds is not None
    for name, text in FILES.items():
        text = text.replace('history = "current"', f'history = "{request.param}"')
        (house.kinds / f"{name}.toml").write_text(text)
    public = house.organization(visibility="public")
    house.insert("agents", id=f"agent_{public}", organization_id=public, name="Press")
    found = Press(house, public, house.organization())
    house.sql("INSERT INTO press.article (desk, section, slug, headline) "
              "VALUES (%s, 'city/life', 'bridges', 'Bridges')", public)  # fmt: skip
    house.sql('INSERT INTO press."Notice" (id, desk, title) VALUES (%s, %s, %s)',
              f"own_{public}", public, "Opening hours")  # fmt: skip
    found.revise(public, "r9", "nine")
    found.issue(public, 2026, "a", "first")
    return found


def reasons(plan: Plan) -> list[tuple[str, str]]:
    return [(one.reason, str(one.address)) for one in plan.conflicts]


R, I = "revision.city%2Flife/bridges", "issue.Opening%20hours/2026"  # noqa: E741


def test_the_whole_life_of_a_history(press: Press) -> None:
    assert press.install() == {name: {"create": 1} for name in ("agent", *FILES)}
    assert press.article() == ("Bridges", "r9", "r9", ["r9=nine"])
    assert press.issues() == [(2026, "a", "first", True)]
    press.settled()
    # New versions, in an order that only the pointer knows.
    press.revise(press.public, "r10", "ten")
    press.issue(press.public, 2025, "z", "older")
    assert press.install() == {
        "article": {"update": 1}, "revision": {"create": 1},
        "notice": {"update": 1}, "issue": {"create": 1},
    }  # fmt: skip
    assert press.article() == ("Bridges", "r10", "r10", ["r10=ten", "r9=nine"])
    assert press.issues() == [(2025, "z", "older", True), (2026, "a", "first", False)]
    press.settled()
    before = press.rows()
    press.install()
    assert press.rows() == before


def test_ones_own_versions_and_rewritten_ones(press: Press) -> None:
    press.install()
    press.revise(press.target, "r10", "mine")
    press.issue(press.target, 2026, "b", "mine")
    assert {(one.about, one.column) for one in press.plan().notes} == {
        ("kept_edit", "edition"), ("kept_edit", "edition_label"), ("kept_edit", "force"),
    }  # fmt: skip
    press.settled()
    press.revise(press.public, "r10", "theirs")
    press.issue(press.public, 2026, "b", "theirs")
    skip = [f"{R}/r10", f"{I}/b"]
    assert reasons(press.plan()) == [("user_authored", address) for address in skip]
    press.settled(skip=skip)
    # The next ones arrive, and which is the current one is a question.
    press.revise(press.public, "r11")
    press.issue(press.public, 2026, "c")
    owners = ["article.city%2Flife/bridges", "notice.Opening%20hours"]
    assert reasons(press.plan()) == [("edited_both", address) for address in owners]
    press.install(adopt=owners)
    assert press.article() == ("Bridges", "r11", "r11", ["r10=mine", "r11=r11", "r9=nine"])
    assert press.issues()[1:] == [(2026, "b", "mine", False), (2026, "c", "c", True)]
    press.settled()
    # Written over under its name: left as it is.
    press.world.sql("UPDATE press.article_revision SET body = 'x', words = NULL WHERE label = 'r11'"
                    " AND article = (SELECT no FROM press.article WHERE desk = %s)",
                    press.public)  # fmt: skip
    (conflict,) = press.plan().conflicts
    assert (conflict.reason, str(conflict.address)) == ("rewritten_version", f"{R}/r11")
    assert {one.column for one in conflict.fields} == {"body", "words"}
    before = press.rows()
    press.settled(skip=[f"{R}/r11"])
    assert press.rows() == before


@pytest.mark.parametrize("press", ["all"], indirect=True)
def test_the_whole_history_is_mirrored_where_the_kind_says_so(press: Press) -> None:
    press.revise(press.public, "r8", current=False)
    press.revise(press.public, "r10")
    press.issue(press.public, 2027, "a")
    press.install()
    assert press.article() == ("Bridges", "r10", "r10", ["r10=r10", "r8=r8", "r9=nine"])
    assert press.issues() == [(2026, "a", "first", False), (2027, "a", "a", True)]
    press.settled()
    press.revise(press.public, "r7", current=False)
    assert press.install() == {"revision": {"create": 1}}
    press.settled()


def mistakes(directory: Path, **files: str) -> str:
    for name, text in {**FILES, **files}.items():
        (directory / f"{name}.toml").write_text(text)
    with pytest.raises(KindError) as caught:
        load(directory)
    return caught.value.message


MISTAKES = [
    ("notice", 'references = "issue", flag', "flag", "columns.force: flag speaks of a reference"),
    ("issue", 'history = "current"', "", "notice.toml: columns.force.flag: 'issue' is no history"),
    ("notice", '"issue", flag', '"revision", flag', "force.flag: 'revision' is no"),
    ("article", "required = true", "itself = true", "edition.itself: means a row of the same kind"),
    ("article", "required = true", "installation = true", "edition.installation: "),
    ("article", "required = true", "required = true, nullable = true", "columns.edition: "),
    ("article", 'follows = "edition"', 'follows = "headline"',
     "columns.edition_label.follows: 'headline' is not a reference"),
    ("article", "[columns]", '[next_run]\nruns = "cron"\n[columns]',
     "article.toml: next_run.runs: 'cron' is not one of the columns"),
    ("article", "owner =", 'where = "special = true"\nowner =',
     "article.toml: where: 'special' is not among the columns"),
    ("article", "owner =", 'where = "headline IS NULL"\nowner =',
     "where: 'headline' is to be NULL, and the kind writes it"),
    ("article", "owner =", "mirrored = false\nowner =",
     "article.toml: rows that are not mirrored are never written: columns, owner"),
    ("revision", "[columns]", '[owner]\nagent = "a"\norganization = "o"\n[columns]',
     "revision.toml: a history has a parent, and neither an owner"),
    ("revision", 'parent = { kind = "article", column = "article" }', 'scope = "desk"',
     "a history has a parent"),
    ("revision", 'history = "current"', 'history = "newest"', "revision.toml: history: "),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "message"), MISTAKES)
def test_a_mistake_in_a_history_is_said_with_file_and_field(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    assert old in FILES[file]
    assert message in mistakes(tmp_path, **{file: FILES[file].replace(old, new, 1)})


def test_mistakes_are_all_said_at_once(tmp_path: Path) -> None:
    broken = dict(FILES)
    for file, old, new, _ in (MISTAKES[0], MISTAKES[7], MISTAKES[11], MISTAKES[13]):
        broken[file] = broken[file].replace(old, new, 1)
    told = mistakes(tmp_path, **broken)
    assert [part for part in ("force: flag", "next_run.runs:", "has a parent", "history:")
            if part not in told] == []  # fmt: skip
