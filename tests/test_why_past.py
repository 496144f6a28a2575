"""Why a row is as it is: how far back the ledger is read, and what is never shown."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler import library, published
from reconciler.cli import main
from reconciler.ledger import traces
from tests.fixtures.vocabulary import Vocabulary
from tests.fixtures.world import World
from tests.kinds.test_own_kind import KIND, SECRET, TABLE
from tests.test_why import ACCOUNT, ask, last, text


def test_only_so_many_plans_are_read(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = last(vocabulary)
    for number in range(5):
        vocabulary.edit("account", name=f"n{number}")
        vocabulary.edit("budget", name=f"n{number}")
        vocabulary.install()
    vocabulary.edit("budget", name="other")
    vocabulary.install()
    monkeypatch.setattr(traces, "TOLD", 3)
    monkeypatch.setattr(traces, "_AT_ONCE", 2)
    found = ask(vocabulary)
    assert (len(found.revisions), found.more) == (3, True)
    assert found.placed is not None
    assert found.placed.since == first
    assert found.placed.last == found.revisions[0].revision.number
    monkeypatch.setattr(traces, "READ", 2)
    found = ask(vocabulary)
    assert (len(found.revisions), found.more) == (2, True)
    assert found.placed is not None
    assert found.placed.since == first
    monkeypatch.setattr(traces, "SEARCHED", 1)
    found = ask(vocabulary)
    assert (found.revisions, found.more) == ((), True)
    assert found.placed is not None
    assert found.placed.since == first
    assert "older ones, which were not looked at" in text(found)


def test_a_plan_with_a_nul_escape_and_one_that_cannot_be_read(vocabulary: Vocabulary) -> None:
    vocabulary.edit("account", name="new")
    vocabulary.install()
    vocabulary.world.sql(
        r"""UPDATE reconcile.revision SET plan = replace(plan::text, '"format_version"',
        '"x": "\u0000", "format_version"')::json WHERE id = %s""",
        last(vocabulary),
    )
    assert [one.action for one in ask(vocabulary).revisions] == ["update", "create"]
    vocabulary.world.sql(
        "UPDATE reconcile.revision SET plan = json_build_array(%s::text) WHERE id = %s",
        ACCOUNT, last(vocabulary),
    )  # fmt: skip
    found = ask(vocabulary)
    assert ([one.action for one in found.revisions], found.more) == (["create"], True)


def test_under_another_name_before(vocabulary: Vocabulary, tmp_path: Path) -> None:
    """What was renamed by a plan goes by its old name further back, and so do its rules."""
    world = vocabulary.world
    kind = world.insert("entity_relationship_types", slug="owns", name="owns",
                        organization_id=vocabulary.public)  # fmt: skip
    world.insert("entity_relationship_type_rules", relationship_type_id=kind,
                 source_entity_type_slug="account", target_entity_type_slug="card")  # fmt: skip
    vocabulary.install()
    vocabulary.edit("account", slug="later")
    world.sql("UPDATE entity_relationship_types SET slug = 'has' WHERE id = %s", kind)
    moved = tmp_path / "moved.toml"
    moved.write_text(
        f'[[moved]]\nfrom = "{ACCOUNT}"\nto = "entity_type.later"\n'
        '[[moved]]\nfrom = "relationship_type.owns"\nto = "relationship_type.has"\n'
    )
    vocabulary.install(moved=moved)
    found = ask(vocabulary, "entity_type.later")
    assert [(one.action, one.address) for one in found.revisions] == [
        ("move", "entity_type.later"),
        ("create", ACCOUNT),
    ]
    assert "renamed" in text(found)
    assert 'created as entity_type "account"' in text(found)
    found = ask(vocabulary, "relationship_rule.has/account/card")
    assert [(one.action, one.address) for one in found.revisions] == [
        ("move", "relationship_rule.has/account/card"),
        ("create", "relationship_rule.owns/account/card"),
    ]


def test_hostile_names(vocabulary: Vocabulary) -> None:
    nasty = "x\x1b[2J\u202e\n; rm -rf '"
    target, world = vocabulary.tenant, vocabulary.world
    vocabulary.type(nasty, name=nasty)
    world.sql("UPDATE agents SET name = %s WHERE id = %s", nasty, vocabulary.agent)
    world.sql("UPDATE organization SET slug = %s WHERE id = %s", nasty + target, target)
    vocabulary.install()
    vocabulary.edit(nasty, target, name=nasty * 2)
    address = "entity_type.x%1B%5B2J%E2%80%AE%0A%3B%20rm%20-rf%20%27"
    found = ask(vocabulary, address)
    assert (found.address, found.row.situation, len(found.revisions)) == (address, "live", 1)
    shown = text(found)
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "\n; rm" not in shown
    # What cannot be typed is not offered: the id says the same.
    update, release = (shlex.split(way.command) for way in found.ways)
    assert update == ["reconcile", "plan", vocabulary.agent, "--target", target]
    assert release == [*update, "--release", address]


def test_sensitive_columns_are_never_shown(world: World, tmp_path: Path) -> None:
    world.sql(TABLE)
    (tmp_path / "price.toml").write_text(KIND)
    world.kinds = tmp_path
    library.init(world.dsn, kinds=tmp_path)
    public = world.organization(visibility="public")
    world.insert("agents", id="agent_shop", organization_id=public, name="Shop")
    target = world.organization()
    price = 'INSERT INTO billing."Price" (tenant, region, code, "order", secret) VALUES '
    world.sql(price + "(%s, 'eu', 7, 1, %s)", public, SECRET)
    world.apply(world.plan(target, template="agent_shop"))
    world.sql('UPDATE billing."Price" SET secret = %s WHERE tenant = %s', "edited", target)
    found = library.why(world.dsn, target, "price.eu/7", kinds=tmp_path)
    (secret,) = found.columns
    assert (secret.column, secret.sensitive, secret.because.rule) == ("secret", True, "overwritten")
    assert (secret.base, secret.target, secret.template) == (None, None, None)
    told = json.dumps(found.model_dump(mode="json")) + text(found)
    assert "sha256" not in told
    assert str(tmp_path) in found.ways[0].command


def test_the_command(vocabulary: Vocabulary, capsys: pytest.CaptureFixture[str]) -> None:
    vocabulary.edit("account", metadata_schema='{"n": 1.10}')
    url = ["--database-url", vocabulary.world.dsn]
    assert main(["why", vocabulary.tenant, ACCOUNT, *url]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (text(ask(vocabulary)), "")
    assert main(["why", vocabulary.tenant, ACCOUNT, "-json", *url]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["columns"][0]["template"] == {"json": {"n": 1.1}}
    assert '"n": 1.10' in out
    schema = json.loads(published.documents()["why.schema.json"])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(told)
    assert main(["why", vocabulary.tenant, "entity_type.nobody", *url]) == 1
    assert "nobody knows a row entity_type.nobody" in capsys.readouterr().err
