"""How far installations are: counted from the very plan that would bring them up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator
from psycopg.conninfo import make_conninfo

import reconciler
from reconciler import library, published
from reconciler.cli import main
from reconciler.errors import NotFoundError, ReconcilerError
from reconciler.model.status import InstallationStatus, Status
from tests.fixtures.publisher import Publisher
from tests.fixtures.vocabulary import Vocabulary
from tests.fixtures.world import World


def only(vocabulary: Publisher, organization: str = "") -> InstallationStatus:
    """The one installation of a template in an organisation."""
    target = organization or vocabulary.tenant
    found = library.status(vocabulary.world.dsn, vocabulary.agent, [target])
    ((one,),) = [each.installations for each in found.templates]
    return one


def numbers(one: InstallationStatus) -> dict[str, int]:
    """What is not nothing, beside rows and revision."""
    told = one.model_dump(exclude={"organization", "agent_id", "condition", "revised_at"})
    return {name: number for name, number in told.items() if number}


def test_up_to_date(vocabulary: Vocabulary) -> None:
    found = library.status(vocabulary.world.dsn, vocabulary.agent)
    (template,) = found.templates
    (one,) = template.installations
    plan = vocabulary.plan()
    assert (template.fingerprint, template.rows) == (plan.fingerprint, plan.template_rows)
    assert (template.agent_id, template.availability, template.why) == (
        vocabulary.agent, "public", "",
    )  # fmt: skip
    assert one.organization.id == vocabulary.tenant
    assert one.agent_id == vocabulary.installed()
    assert (one.condition, one.rows) == ("up_to_date", 3)
    ((number, at),) = vocabulary.world.sql(
        "SELECT revision, revised_at FROM reconcile.target WHERE organization_id = %s",
        vocabulary.tenant,
    )
    assert (one.revision, one.revised_at) == (number, at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert (found.exit_code, found.installations, found.counts) == (0, 1, {"up_to_date": 1})


def test_behind_with_drift_that_would_be_overwritten(vocabulary: Vocabulary) -> None:
    vocabulary.edit("account", name="New")
    vocabulary.edit("budget", vocabulary.tenant, name="Edited")
    vocabulary.type("loan")
    one = only(vocabulary)
    assert one.condition == "behind"
    counted = numbers(one)
    assert counted == counted | {"pending": 3, "drifted": 1, "overwritten": 1}
    plan = vocabulary.plan()
    assert one.pending == sum(len(change.targets) for change in plan.changes)
    assert library.status(vocabulary.world.dsn, vocabulary.agent).exit_code == 2
    vocabulary.install()
    assert only(vocabulary).condition == "up_to_date"


def test_tombstones_pins_and_orphans(vocabulary: Vocabulary) -> None:
    tenant = vocabulary.tenant
    vocabulary.delete("account", tenant)
    vocabulary.install(release=["entity_type.budget"])
    one = only(vocabulary)
    assert (one.condition, one.tombstones, one.pins, one.pending) == ("up_to_date", 1, 1, 0)
    vocabulary.delete("card")
    one = only(vocabulary)
    assert (one.condition, one.orphaned, one.prunable) == ("attention", 1, 1)
    assert library.status(vocabulary.world.dsn, vocabulary.agent).exit_code == 2
    vocabulary.install(prune=True)
    one = only(vocabulary)
    assert (one.condition, one.orphaned) == ("up_to_date", 0)


def test_an_edit_that_is_kept_and_one_in_dispute(publisher: Publisher) -> None:
    """The tenant moves a pointer, which both may; then the template does, too."""
    watcher = publisher.watcher()
    publisher.install()
    own = publisher.found()
    publisher.version(own["id"], 2)
    one = only(publisher)
    assert (one.condition, one.kept, one.drifted, one.pending) == ("up_to_date", 1, 1, 0)
    publisher.version(watcher, 3)
    one = only(publisher)
    assert (one.condition, one.conflicts, one.drifted, one.kept) == ("conflicts", 1, 1, 0)
    assert library.status(publisher.world.dsn, publisher.agent).exit_code == 3


def test_an_orphaned_version_needs_no_attention(publisher: Publisher) -> None:
    """Nothing can be done about one, so nobody is called for it."""
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(watcher, 2)
    publisher.install()
    publisher.world.sql(
        "DELETE FROM watcher_versions WHERE watcher_id = %s AND version = 1", watcher
    )
    one = only(publisher)
    assert (one.condition, one.orphaned, one.prunable) == ("up_to_date", 1, 0)


def test_a_row_of_the_tenants_own_and_one_of_another_template(vocabulary: Vocabulary) -> None:
    other = Vocabulary.open(vocabulary.world)
    other.type("foreign")
    other.install(vocabulary.tenant)
    vocabulary.type("own", vocabulary.tenant, created_by="user_ana")
    vocabulary.type("own")
    vocabulary.type("foreign")
    one = only(vocabulary)
    assert (one.condition, one.conflicts, one.pending, one.rows) == ("conflicts", 2, 0, 3)
    assert one.conflicts == len(vocabulary.plan().conflicts)
    assert only(other, vocabulary.tenant).condition == "up_to_date"


def test_each_template_has_its_own_last_revision(vocabulary: Vocabulary) -> None:
    first = only(vocabulary).revision
    other = Vocabulary.open(vocabulary.world)
    other.type("foreign")
    other.install(vocabulary.tenant)
    later = only(other, vocabulary.tenant).revision
    assert first is not None
    assert later is not None
    assert later > first
    assert only(vocabulary).revision == first


def test_private_gone_and_itself_installed(vocabulary: Vocabulary) -> None:
    world, tenant = vocabulary.world, vocabulary.tenant
    second = world.organization()
    installed = vocabulary.installed()
    world.insert("agents", id=f"agent_{second}", organization_id=second, name="Chained",
                 template_agent_id=installed)  # fmt: skip
    ((chained,),) = [one.installations for one in library.status(world.dsn, installed).templates]
    assert chained.condition == "refused"
    (template,) = library.status(world.dsn, installed).templates
    assert (template.availability, template.installed_from) == ("installed", vocabulary.agent)
    world.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", vocabulary.public)
    vocabulary.edit("account", name="Unpublished")
    found = library.status(world.dsn, vocabulary.agent)
    (template,) = found.templates
    assert (template.availability, template.fingerprint) == ("private", None)
    assert (only(vocabulary).condition, only(vocabulary).pending, found.exit_code) == (
        "private", 0, 0,
    )  # fmt: skip
    world.sql("DELETE FROM agents WHERE id = %s", vocabulary.agent)
    found = library.status(world.dsn, vocabulary.agent)
    (template,) = found.templates
    (one,) = template.installations
    assert (template.availability, template.name) == ("gone", "Desk")
    assert (one.condition, one.rows, one.agent_id, one.organization.id) == (
        "gone", 3, None, tenant,
    )  # fmt: skip
    assert found.exit_code == 2


def test_an_installation_that_was_unlinked(vocabulary: Vocabulary) -> None:
    vocabulary.world.sql(
        "UPDATE agents SET template_agent_id = NULL WHERE id = %s", vocabulary.installed()
    )
    one = only(vocabulary)
    assert (one.condition, one.agent_id, one.rows) == ("unlinked", None, 3)
    assert library.status(vocabulary.world.dsn, targets=[vocabulary.tenant]).exit_code == 2


def test_a_dangling_owner_of_the_same_organisation(vocabulary: Vocabulary) -> None:
    """The agent that placed the rows is gone; another one of its organisation compares them."""
    world, public, tenant = vocabulary.world, vocabulary.public, vocabulary.tenant
    heir = f"heir_{public}"
    world.insert("agents", id=heir, organization_id=public, name="Heir")
    world.apply(vocabulary.plan(template=heir))
    world.sql("DELETE FROM agents WHERE id = %s", vocabulary.agent)
    found = library.status(world.dsn, targets=[tenant])
    told = {each.agent_id: each.installations[0] for each in found.templates}
    assert (told[heir].condition, told[heir].dangling) == ("attention", 3)
    assert (told[vocabulary.agent].condition, told[vocabulary.agent].rows) == ("gone", 3)


def test_what_one_template_suffers_from_stands_in_it(vocabulary: Vocabulary) -> None:
    other = Vocabulary.open(vocabulary.world)
    other.type("deep")
    other.install(vocabulary.tenant)
    deep = "[" * 400 + "]" * 400
    other.edit("deep", metadata_schema=deep)
    found = library.status(vocabulary.world.dsn, targets=[vocabulary.tenant])
    told = {each.agent_id: each for each in found.templates}
    assert told[other.agent].installations[0].condition == "failed"
    assert "nested deeper" in told[other.agent].why
    assert told[vocabulary.agent].installations[0].condition == "up_to_date"
    assert found.exit_code == 1


def test_the_templates_own_organisation_is_no_target(vocabulary: Vocabulary) -> None:
    public = vocabulary.public
    vocabulary.world.insert("agents", id=f"own_{public}", organization_id=public, name="Self",
                            template_agent_id=vocabulary.agent)  # fmt: skip
    assert only(vocabulary, public).condition == "refused"
    assert only(vocabulary).condition == "up_to_date"


def test_unknown_names(vocabulary: Vocabulary) -> None:
    dsn = vocabulary.world.dsn
    with pytest.raises(NotFoundError, match="no organisation 'nowhere'"):
        library.status(dsn, targets=["nowhere"])
    with pytest.raises(NotFoundError, match="no template 'nothing'"):
        library.status(dsn, "nothing")
    with pytest.raises(ReconcilerError, match="is the text"):
        library.status(dsn, targets="acme")
    empty = vocabulary.world.organization()
    assert library.status(dsn, targets=[empty]) == Status()


@pytest.fixture
def lived(world: World) -> World:
    """Two installations of the demo's template: one that it has moved past, and a tombstone."""
    world.install("acme", "birch")
    world.sql(
        "UPDATE entity_types SET color = 'New' "
        "WHERE organization_id = 'org_public_finance' AND slug = 'account'"
    )
    world.sql(
        "UPDATE entity_types SET deleted_at = now() "
        "WHERE organization_id = 'org_birch' AND slug = 'account'"
    )
    return world


@pytest.fixture
def reader(lived: World) -> Iterator[str]:
    """A role that may read, and nothing else."""
    role = f"reader_{uuid4().hex[:8]}"
    lived.sql(f"CREATE ROLE {role} LOGIN")
    lived.sql(f"GRANT USAGE ON SCHEMA reconcile TO {role}")
    lived.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public, reconcile TO {role}")
    yield make_conninfo(lived.dsn, user=role)
    lived.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_reading_is_all_that_it_needs(lived: World, reader: str) -> None:
    """No actor, and no operator either."""
    found = reconciler.status(reader)
    assert found == library.status(lived.dsn)
    assert found.counts == {"conflicts": 1, "up_to_date": 1}
    assert reconciler.why(reader, "acme", "entity_type.account").planned[0].what == "update"


def test_the_command(lived: World, capsys: pytest.CaptureFixture[str]) -> None:
    def typed(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--database-url", lived.dsn])
        return (code, *capsys.readouterr())

    code, out, err = typed("status")
    assert (code, err) == (3, "")
    first, _, heading, acme, birch = out.splitlines()
    assert first == "2 installations of 1 template: 1 up to date, 1 with conflicts"
    assert heading.startswith(
        "Personal Finance (agent_pf) in org public-finance, 158 rows, fingerprint "
    )
    assert acme.startswith("  ! acme   1 conflict, behind by 1 row  revision 1, 2")
    assert birch.startswith("    birch  up to date")
    assert birch.endswith(", 1 deleted by the tenant")
    assert typed("status", "personal-finance", "-target", "birch")[0] == 0
    code, out, err = typed("status", "-json")
    assert (code, err) == (3, "")
    told: Any = json.loads(out)
    assert told == library.status(lived.dsn).model_dump(mode="json")
    schema = json.loads(published.documents()["status.schema.json"])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(told)
    code, out, err = typed("status", "no-such")
    assert (code, out) == (1, "")
    assert "there is no template 'no-such'" in err
