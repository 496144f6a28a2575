"""What a person, a pipeline and a program see of a catalog's change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler import Impact
from reconciler.cli import main
from reconciler.errors import Exit
from reconciler.model.address import Address
from reconciler.model.impact import (
    InUse,
    Invalid,
    NoRule,
    Shadowed,
    TenantImpact,
    TypeImpact,
    Unjudged,
)
from reconciler.model.snapshot import Organization
from reconciler.published import documents
from reconciler.render.impact import markdown, text
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.world import World

HOSTILE = "a\x1b[31m`|<b>\n## x\u202e @all"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    return gathered(shared_world)


@pytest.fixture
def run(shared_world: World, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["plan", "--database-url", shared_world.dsn, *words])
        return code, *capsys.readouterr()

    return run


def organization(slug: str) -> Organization:
    return Organization(id=f"org_{slug}", slug=slug, name=slug, visibility="private")


def everything(slug: str, tenants: int = 1) -> Impact:
    """An impact in which everything occurs."""
    findings = (
        Invalid(keyword="required", pointer=f"/{slug}", rows=4, ids=("1", "2", "3")),
        Invalid(keyword="type", pointer="", rows=1, ids=("1",)),
        Invalid(keyword="type", pointer=None, rows=1, ids=("1",)),
        Unjudged(why=f"because of {slug}", rows=1, ids=("1",)),
        NoRule(source=slug, target=slug, rows=1, ids=("1",)),
        InUse(rows=1, ids=("1",)),
    )
    whose = [
        TenantImpact(
            organization=organization(f"{slug}{number}"),
            own=number == 1,
            broken=number,
            already=2,
            findings=findings,
        )
        for number in range(1, tenants + 1)
    ]
    blind = TenantImpact(organization=organization("blind"), findings=(Shadowed(id="7"),))
    types = (
        TypeImpact(
            address=Address.of("entity_type", (slug,)),
            change="changed",
            rows=9,
            organizations=tenants,
            now_unjudged=f"why {slug}",
            tenants=tuple(whose),
        ),
        TypeImpact(address=Address("entity_type.new"), change="new", tenants=(blind,)),
        TypeImpact(address=Address("entity_type.old"), change="retired"),
    )
    return Impact(catalog=organization(slug), change=slug, readers=3, broken=1, types=types)


def published(told: str) -> Any:
    found = json.loads(told)
    Draft202012Validator(json.loads(documents()["impact.schema.json"])).validate(found)
    return found


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("form", ["text", "markdown"])
def test_everything_is_said_and_hostile_text_says_nothing(form: str, verbose: bool) -> None:
    impact = everything(HOSTILE)
    shown = (
        text(impact, color=False, width=100, verbose=verbose)
        if form == "text"
        else markdown(impact, verbose=verbose)
    )
    assert not set(shown) & {"\x1b", "\u202e"}
    assert "\n## x" not in shown
    if form == "markdown":
        assert "<b>" not in shown
        assert "@all" not in shown
    for said in (
        "required",
        "as a whole",
        "in other places",
        "nobody could judge",
        "no rule any",
    ):
        assert said in shown
    assert "the catalog itself" in shown
    assert "4 rows, id " in shown
    assert "a type of its own has this slug" in shown
    assert "retired, no row is of it" in shown
    assert not [line for line in shown.splitlines() if line != line.rstrip()]


def test_of_many_the_worst_are_named_and_the_rest_is_summed_up() -> None:
    impact = everything("x", tenants=50)
    shown = text(impact, color=False, width=100, verbose=False)
    assert "required at /x: 200 rows in 50 organisations" in shown
    assert "x50 (org_x50): 50 rows" in shown
    assert "x30 (" not in shown
    assert "… 30 more organisations (--verbose lists all)" in shown
    assert "x30 (" in text(impact, color=False, width=100, verbose=True)
    assert "… 30 more organisations" in markdown(impact, verbose=False)
    long = markdown(everything("x" * 50, tenants=900), verbose=True)
    assert "880 more organisations" in long
    assert len(long.encode()) < 60_000


def change(catalogs: Catalogs, tmp_path: Path, schema: Any) -> tuple[str, str, str]:
    """A catalog with a type, a tenant's entity of it, and the file of a change."""
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.thing(tenant, catalogs.type(catalog, "account"), "a", metadata='{"n": 1.10}')
    file = tmp_path / "change.json"
    told = {"catalog": catalog, "entity_types": [{"slug": "account", "metadata_schema": schema}]}
    file.write_text(json.dumps(told), encoding="utf-8")
    return catalog, tenant, str(file)


def test_the_command_line(catalogs: Catalogs, tmp_path: Path, run: Run) -> None:
    catalog, tenant, file = change(catalogs, tmp_path, {"required": ["iban"]})
    code, out, err = run("--catalog-change", file)
    assert (code, err) == (Exit.CONFLICTS, "")
    assert 'entity_type "account"   changed, 1 row in 1 organisation' in out
    assert "required at /iban: 1 row, id " in out
    assert out.endswith(
        "Catalog change: 0 new, 1 changed, 0 retired; 1 row of 1 organisation would no longer be "
        "valid.\n"
    )
    code, out, _ = run("-catalog-change", file, "-json", "-detailed-exitcode")
    found = published(out)
    assert (code, found["exit_code"]) == (Exit.CONFLICTS, Exit.CONFLICTS)
    assert found["types"][0]["tenants"][0]["organization"]["id"] == tenant
    assert run("--catalog-change", file, "--format", "markdown")[1].startswith("# Change of")
    code, out, _ = run("--catalog-change", catalogs.catalog(), "--catalog", catalog)
    assert (code, "- entity_type" in out) == (Exit.CONFLICTS, True)


def test_a_change_that_nobody_notices(catalogs: Catalogs, tmp_path: Path, run: Run) -> None:
    catalog, _, file = change(catalogs, tmp_path, {"properties": {"n": {"type": "number"}}})
    code, out, _ = run("--catalog-change", file)
    assert (code, "every row stays valid" in out) == (Exit.DONE, True)
    assert run("--catalog-change", file, "-detailed-exitcode")[0] == Exit.CHANGES
    Path(file).write_text(json.dumps({"catalog": catalog}), encoding="utf-8")
    code, out, _ = run("--catalog-change", file, "-detailed-exitcode")
    assert (code, "No changes" in out) == (Exit.DONE, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["personal-finance", "--catalog-change", "x"], "leave out TEMPLATE"),
        (["--catalog-change", "x", "--target", "acme", "--out", "f"], "leave out --target, --out"),
        (["--catalog-change", "x", "--databases", "f"], "leave out --databases"),
        (["--catalog-change", "x", "--format", "sql"], "has no statements"),
        (["--catalog", "x"], "belongs to --catalog-change"),
        (["--catalog-change", "acme"], "is no file"),
        (["--catalog-change", "no/such"], "cannot read"),
        (["--catalog-change", "acme", "--catalog", "birch"], "no public catalog"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, words: list[str], says: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (Exit.ERROR, "")
    assert says in " ".join(err.split())
