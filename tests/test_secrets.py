"""What is secret leaves in no text: every command is run, and all that it wrote is searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from reconciler.cli import main
from reconciler.fleet import init as init_fleet
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World

TABLE = """
CREATE TABLE vaults (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text NOT NULL, slug text NOT NULL, name text,
    token text, pin bigint, keys jsonb,
    managed_by text, managed_org text, deleted_at timestamptz
);
CREATE UNIQUE INDEX ON vaults (organization_id, slug) WHERE deleted_at IS NULL;
CREATE TABLE vault_audit (
    id bigint GENERATED ALWAYS AS IDENTITY, vault_id bigint, action text, actor text,
    before_payload jsonb, after_payload jsonb
);
"""
KIND = """
kind = "vault"
title = "vault"
table = "vaults"
id = "id"
scope = "organization_id"
key = ["slug"]
live = "deleted_at IS NULL"
retire = { deleted_at = "now" }
owner = { agent = "managed_by", organization = "managed_org" }
[columns]
name = {}
token = { sensitive = true }
pin = { sensitive = true }
keys = { sensitive = true }
[audit]
table = "vault_audit"
row = "vault_id"
action = "action"
actor = "actor"
before = "before_payload"
after = "after_payload"
"""
PASSWORD = "hush-7f3a9c"
# Texts, numbers and JSON: of the template, as it changes, and of tenants.
SECRETS = {
    "template": ("tpl-token-5b1e", 918273645546, "tpl-key-0c9d"),
    "changed": ("new-token-77aa", 827364554692, "new-key-13ef"),
    "drifted": ("own-token-e4d2", 736455469281, "own-key-b8c7"),
    "mine": ("mine-token-41f0", 645546928173, "mine-key-2a6b"),
}
Values = tuple[str, int, str]


@dataclass
class Vaults:
    """A template whose rows have secrets, tenants with others, and all that commands said."""

    world: World
    directory: Path
    capture: pytest.CaptureFixture[str]
    public: str
    tenants: list[str]
    written: list[str] = field(default_factory=list)

    def run(self, *words: str, code: int | None = None, dsn: str | None = None) -> str:
        """Run a command, with its traceback; remembers, and gives, what it said."""
        place = ["--database-url", dsn or self.dsn] if dsn != "" else []
        found = main(["--debug", *words, *place])
        said = self.capture.readouterr()
        self.written.append(f"$ {' '.join(words)}\n{said.out}{said.err}")
        assert code is None or found == code, self.written[-1]
        return said.out + said.err

    @property
    def dsn(self) -> str:
        return make_conninfo(self.world.dsn, password=PASSWORD)

    def put(self, organization: str, slug: str, values: Values) -> None:
        token, pin, key = values
        self.world.sql(
            "INSERT INTO vaults (organization_id, slug, name, token, pin, keys) "
            "VALUES (%s, %s, 'Vault', %s, %s, jsonb_build_object('key', %s::text))",
            organization, slug, token, pin, key,
        )  # fmt: skip

    def set(self, organization: str, values: Values) -> None:
        token, pin, key = values
        self.world.sql(
            "UPDATE vaults SET token = %s, pin = %s, keys = jsonb_build_object('key', %s::text) "
            "WHERE organization_id = %s AND slug = 'main'",
            token, pin, key, organization,
        )  # fmt: skip

    def everything(self) -> Iterator[tuple[str, str]]:
        """What was written, and where: the screen, files, tables that are not the kind's."""
        for number, text in enumerate(self.written):
            yield f"output {number}: {text.splitlines()[0]}", text
        for path in self.directory.rglob("*"):
            if path.is_file() and path.suffix != ".toml":
                yield str(path), path.read_text(errors="replace")
        for schema, table in self.world.sql(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema IN ('reconcile', 'reconcile_fleet') OR table_name = 'vault_audit'"
        ):
            rows = self.world.sql(f'SELECT t::text FROM "{schema}"."{table}" t')
            yield f"{schema}.{table}", "\n".join(row for (row,) in rows)

    def nothing_told(self, variants: Variants) -> None:
        """Raises AssertionError where a secret stands in anything that was written."""
        secrets = [str(one) for values in SECRETS.values() for one in values] + [PASSWORD]
        for place, text in self.everything():
            variants.add()
            for secret in secrets:
                found = text.find(secret)
                assert found < 0, f"{place}: ...{text[max(found - 200, 0) : found + 60]}"


@pytest.fixture
def vaults(
    shared_world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Vaults]:
    world = shared_world
    world.sql(TABLE)
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "vault.toml").write_text(KIND)
    init_fleet(world.dsn)
    public = world.organization(visibility="public")
    world.insert("agents", id=f"agent_{public}", organization_id=public, name="Vaults")
    found = Vaults(world, tmp_path, capfd, public, [world.organization() for _ in range(2)])
    found.put(public, "main", SECRETS["template"])
    yield found
    world.sql("DROP TABLE vaults, vault_audit")


@pytest.mark.shows(
    "sensitive columns, in every command", "their values are in nothing that is written"
)
def test_what_is_sensitive_never_leaves_the_database(vaults: Vaults, variants: Variants) -> None:
    world, run = vaults.world, vaults.run
    first, second = vaults.tenants
    kinds = ["--kinds", str(vaults.directory / "kinds")]
    plan = str(vaults.directory / "first.plan.json")
    make = ["plan", vaults.public, *kinds, "--as", "user_ana", "--target"]
    shown = ("text", "sql", "markdown", "json")

    run(*make, first, "--out", plan, "--verbose", code=0)
    for format_ in shown[: depth(2, 4)]:
        run("show", plan, "--format", format_, "--verbose", *kinds, code=0)
    run("apply", plan, "-json", *kinds, code=0)
    assert world.sql("SELECT token FROM vaults WHERE organization_id = %s", first) == [
        (SECRETS["template"][0],)
    ]
    # The tenant edits its copy, and the template changes: both are secrets, and neither is shown.
    vaults.set(first, SECRETS["drifted"])
    vaults.set(vaults.public, SECRETS["changed"])
    run(*make, first, "-refresh-only", "--verbose", code=0)
    run(*make, first, "--show-drift", "-json", "--out", plan, code=0)
    run("status", vaults.public, *kinds, "--verbose")
    run("status", vaults.public, *kinds, "-json")
    for as_json in ([], ["-json"]):
        run("why", first, "vault.main", *kinds, *as_json, code=0)
    # Stale: by the template, and by the tenant.
    vaults.set(vaults.public, SECRETS["mine"])
    run("apply", plan, *kinds, code=4)
    vaults.set(vaults.public, SECRETS["changed"])
    vaults.set(first, SECRETS["mine"])
    run("apply", plan, *kinds, code=4)
    vaults.set(first, SECRETS["drifted"])
    run("apply", plan, "--wave", "1", *kinds, code=0)
    # In the way: a row of the tenant's own.
    vaults.put(second, "main", SECRETS["mine"])
    run(*make, second, "--verbose", code=3)
    run(*make, second, "-json", code=3)
    run(*make, second, "--adopt", "vault.main", "--out", plan, code=0)
    run("fleet", "enqueue", plan, *kinds, code=0)
    run("fleet", "worker", "--until-empty", "-json", *kinds, code=0)
    run("fleet", "status", "-json", code=0)
    # Taken back, and gone.
    run("plan", "--undo", "2", *kinds, "--as", "user_ana", "--verbose")
    for number in ("1", "2", "3")[-depth(1, 3) :]:
        for format_ in shown[-depth(2, 4) :]:
            run("show", number, "--format", format_, *kinds, code=0)
    run("history", code=0)
    run("history", "-json", code=0)
    run(*make, second, "--destroy", "--out", plan, "--verbose", code=0)
    run("apply", plan, *kinds, code=0)
    assert world.sql("SELECT count(*) > 0 FROM vault_audit") == [(True,)]
    vaults.nothing_told(variants)


REFUSALS: dict[str, str] = {
    # PostgreSQL's detail is "Failing row contains (...)", or "Key (token)=(...) already exists".
    "check": "ALTER TABLE vaults ADD CHECK (organization_id <> '{target}') NOT VALID",
    # PostgreSQL quotes the value in the message itself.
    "number": "ALTER TABLE vaults ADD gone text GENERATED ALWAYS AS "
    "(CASE WHEN organization_id = '{target}' THEN token::int::text END) STORED",
    "unique": "CREATE UNIQUE INDEX ON vaults (token)",
    "not null": "ALTER TABLE vaults ADD extra text; "
    "ALTER TABLE vaults ADD CHECK (extra IS NOT NULL) NOT VALID",
    "unique number": "CREATE UNIQUE INDEX ON vaults (pin, (keys ->> 'key'))",
    "exclusion": "ALTER TABLE vaults ADD EXCLUDE USING btree (token WITH =)",
    "foreign key": "CREATE TABLE known (token text PRIMARY KEY); "
    "ALTER TABLE vaults ADD FOREIGN KEY (token) REFERENCES known NOT VALID",
}


@pytest.mark.shows("the database refuses a row, and quotes it", "the quotation is not passed on")
@pytest.mark.parametrize("refusal", list(REFUSALS)[: depth(2, len(REFUSALS))])
def test_a_refused_row_is_not_quoted(vaults: Vaults, variants: Variants, refusal: str) -> None:
    target = vaults.tenants[0]
    kinds = ["--kinds", str(vaults.directory / "kinds")]
    plan = str(vaults.directory / "refused.plan.json")
    make = ["plan", vaults.public, *kinds, "--as", "user_ana", "--target", target]
    vaults.run(*make, "--out", plan, code=0)
    vaults.world.sql(REFUSALS[refusal].format(target=target))
    try:
        said = vaults.run("apply", plan, *kinds)
        assert "Traceback" in said
        assert "Error: the database re" in said
        vaults.run("fleet", "enqueue", plan, *kinds, code=0)
        vaults.run("fleet", "worker", "--until-empty", *kinds)
        vaults.nothing_told(variants)
    finally:
        vaults.world.sql("DROP TABLE IF EXISTS known CASCADE")
