"""The cases of dead rows: what a given.toml says, and how it comes to stand in a database."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler import library
from reconciler.model.address import Address
from reconciler.model.plan import Plan
from tests.fixtures.world import World

DEAD = Path(__file__).parent / "dead"
SMALL = tomllib.loads((DEAD / "template.toml").read_text(encoding="utf-8"))
STATES, SHAPES = SMALL["states"], SMALL["kinds"]
REST = SHAPES["rest"]["row"]["slug"]

HOME, AGENT = "org_library", "agent_library"
TRACKING = ("managed_by_template_agent_id", "source_template_org_id")
# Whose a row is: what its tracking columns hold, and how the table in the docs says it.
OWNERS = {
    "ours": (AGENT, HOME),
    "own": (None, None),
    "foreign": ("agent_press", "org_press"),
    "dangling": ("agent_gone", "org_gone"),
}
WHOSE = {
    "ours": "ours",
    "own": "the tenant's own",
    "foreign": "another template's",
    "dangling": "another template's that is gone",
}


@dataclass(frozen=True)
class Case:
    """One given.toml. `target` lists the rows in the order in which they come."""

    name: str
    kind: str
    template: str
    target: list[dict[str, Any]] = field(hash=False)
    verdict: str

    @classmethod
    def read(cls, folder: Path) -> Case:
        given = tomllib.loads((folder / "given.toml").read_text(encoding="utf-8"))
        return cls(folder.name, **given)

    @property
    def begins_placed(self) -> bool:
        """Whether the first row is one that this template placed."""
        return any(row["owner"] == "ours" and row.get("placed", True) for row in self.target[:1])

    @property
    def organization(self) -> str:
        return f"org_{self.name}"

    @property
    def address(self) -> Address:
        """The address of the row that the case is about."""
        shape = SHAPES[self.kind]
        above = [SHAPES[shape["under"]["kind"]]["row"]["slug"]] if "under" in shape else []
        return Address.of(self.kind, (*above, shape["row"]["slug"]))

    def line(self) -> str:
        """What the table in the docs says of it."""
        title = self.kind.replace("_", " ")
        states = {"gone": "deleted for good"}
        rows = [
            f"{title}, {states.get(row['is'], row['is'])}"
            + ("" if row.get("placed", True) else ", unknown to the ledger")
            for row in self.target
        ] or [f"no {title}"]
        places = ["target"] if any(row["is"] != "live" for row in self.target) else []
        if self.template != "live":
            places.append(f"template ({states.get(self.template, self.template)})")
        whose = [WHOSE[row["owner"]] for row in self.target] or ["–"]
        verdict = self.verdict if self.verdict == "nothing" else f"`{self.verdict}`"
        cells = ("; ".join(rows), "; ".join(whose), " and ".join(places), verdict)
        return f"| {' | '.join(cells)} | `{self.name}` |"


CASES = [Case.read(folder) for folder in sorted(DEAD.iterdir()) if folder.is_dir()]


@dataclass(frozen=True)
class Library:
    """The template's organisation and the cases' targets, in one database."""

    world: World

    def open(self) -> None:
        """Publish the rest, and install it in every target at once."""
        self.world.organization("library", visibility="public")
        self.world.organization("press", visibility="public")
        for slug in ("library", "press"):
            row = {"organization_id": f"org_{slug}", "name": slug.title()}
            self.world.insert("agents", id=f"agent_{slug}", **row)
        self.plant(HOME, "rest")
        for case in CASES:
            self.world.organization(case.name)
        self.install(*(case.name for case in CASES))
        # What a case begins with is placed in all targets of its kind at once, to save time.
        for kind in SHAPES:
            cases = [case for case in CASES if case.kind == kind]
            if above := SHAPES[kind].get("under"):
                self.plant(HOME, above["kind"])
                self.install(*(case.name for case in cases))
            if ours := [case.name for case in cases if case.begins_placed]:
                self.plant(HOME, kind)
                self.install(*ours)
            self.close()

    def close(self) -> None:
        """Make the template what it was before a case: nothing but the rest."""
        for table in _tables():
            self.world.sql(
                f"DELETE FROM {table} WHERE organization_id = %s AND slug <> %s", HOME, REST
            )
        self.describe(SHAPES["rest"]["row"]["description"])

    def play(self, case: Case) -> None:
        """Everything that happens before the plan."""
        if above := SHAPES[case.kind].get("under"):
            self.plant(HOME, above["kind"])
        published = self.plant(HOME, case.kind)
        # One after the other: a row may come once the one before it is dead.
        for row in case.target:
            if row["owner"] != "ours" or not row.get("placed", True):
                owner = dict(zip(TRACKING, OWNERS[row["owner"]], strict=True))
                name = {} if row["owner"] == "ours" else {"name": "A name of its own"}
                identity = self.plant(case.organization, case.kind, **owner, **name)
            else:
                if not case.begins_placed:
                    self.install(case.name)
                identity = self.row_id(case.organization, case.kind, AGENT)
            self.turn(case.kind, identity, row["is"])
        self.turn(case.kind, published, case.template)
        self.describe(SHAPES["rest"]["changed"])

    def plant(self, organization: str, kind: str, **columns: Any) -> int:
        """Insert a row of this kind, with the child that it has; returns its id."""
        shape = SHAPES[kind]
        row = {**shape["row"], "organization_id": organization, "created_by": "user_ana"}
        if above := shape.get("under"):
            row[above["column"]] = self.row_id(organization, above["kind"])
        if itself := shape.get("itself"):
            row[itself] = 0
        row |= {"created_at": "2026-10-02T09:00:00Z", **columns}
        number: int = self.world.insert(shape["table"], **row)
        pointed = {itself: number} if itself else {}
        if child := shape.get("child"):
            below = self.world.insert(child["table"], **child["row"], **{child["parent"]: number})
            pointed |= {child["pointer"]: below} if "pointer" in child else {}
        for column, value in pointed.items():
            self.world.sql(
                f"UPDATE {shape['table']} SET {column} = %s WHERE id = %s", value, number
            )
        return number

    def turn(self, kind: str, identity: int, state: str) -> None:
        """Make a row what the case says that it is."""
        table = SHAPES[kind]["table"]
        if state == "gone":
            self.world.sql("DELETE FROM entity_type_audit")
            self.world.sql(f"DELETE FROM {table} WHERE id = %s", identity)
            return
        for column, value in STATES[state].items():
            self.world.sql(f"UPDATE {table} SET {column} = %s WHERE id = %s", value, identity)

    def describe(self, text: str) -> None:
        """What the template says of its rest."""
        self.world.sql(
            "UPDATE entity_types SET description = %s WHERE organization_id = %s AND slug = %s",
            text, HOME, REST,
        )  # fmt: skip

    def row_id(self, organization: str, kind: str, agent: str | None = None) -> int:
        """The id of the organisation's row, or of the one that this agent owns."""
        shape = SHAPES[kind]
        owner = " AND managed_by_template_agent_id = %s" if agent else ""
        sql = f"SELECT id FROM {shape['table']} WHERE organization_id = %s AND slug = %s{owner}"
        ((number,),) = self.world.sql(
            sql, organization, shape["row"]["slug"], *([agent] if agent else [])
        )
        return int(number)

    def plan(self, *targets: str, skip: tuple[str, ...] = ()) -> Plan:
        connection = self.world.connection
        return library.plan(connection, AGENT, targets, actor="user_ana", skip=skip)

    def install(self, *targets: str) -> None:
        library.apply(self.world.connection, self.plan(*targets))

    def rest(self, case: Case) -> str:
        """The rest's description in the target."""
        sql = "SELECT description FROM entity_types WHERE organization_id = %s AND slug = %s"
        ((text,),) = self.world.sql(sql, case.organization, REST)
        return str(text)

    def rows(self, case: Case) -> set[tuple[str, ...]]:
        """All rows of the target but the rest, to the byte, with their row versions."""
        found: set[tuple[str, ...]] = set()
        for table, (parent, above) in _tables(children=True).items():
            of = f"t JOIN {above} p ON p.id = t.{parent}" if above else "p"
            row = "t" if above else "p"
            sql = f"SELECT '{table}', {row}::text, {row}.xmin::text FROM {table} {of}"
            where = " WHERE p.organization_id = %s AND p.slug <> %s"
            found.update(self.world.sql(sql + where, case.organization, REST))
        return found


def _tables(*, children: bool = False) -> dict[str, tuple[str, str]]:
    """The tables that a case may speak of; a child's with its parent's column and table."""
    found = {shape["table"]: ("", "") for shape in SHAPES.values()}
    for shape in SHAPES.values():
        if children and (child := shape.get("child")):
            found[child["table"]] = (child["parent"], shape["table"])
    return found
