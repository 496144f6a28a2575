"""Plan files for several databases, and telling them from plan files for one."""

from __future__ import annotations

import os
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from reconciler import planfile
from reconciler.errors import PlanFileError
from reconciler.model.plan import Plan
from reconciler.model.sharded import (
    FORMAT,
    SHARDED_FORMAT_VERSION,
    Section,
    ShardedPlan,
    ShardName,
)

_MAJOR: Final = SHARDED_FORMAT_VERSION.partition(".")[0]
_REPLAN: Final = "Make a new plan: reconcile plan TEMPLATE --installed --databases FILE --out PLAN"
_NAME: Final = TypeAdapter(ShardName)


def dumps(plan: ShardedPlan) -> str:
    """The plan as JSON text."""
    told = plan.model_dump(exclude={"sections"})
    sections = [{"database": one.database, "plan": one.plan.written()} for one in plan.sections]
    return planfile.text_of({**told, "sections": sections})


def save(plan: ShardedPlan, path: str | os.PathLike[str]) -> None:
    """Write the plan to a file: all of it, or, whatever fails, nothing."""
    planfile.write(dumps(plan), path)


def load(path: str | os.PathLike[str]) -> Plan | ShardedPlan:
    """Read a plan of either format from a file, or from the standard input for `-`.

    Raises PlanFileError for what is damaged, of another format, or changed by hand.
    """
    return planfile.read(path, loads)


def loads(text: str) -> Plan | ShardedPlan:
    """Read a plan of either format."""
    content = planfile.content(text)
    if "format" not in content:
        return planfile.parsed(content)
    if content["format"] != FORMAT:
        raise PlanFileError(
            "JSON of a format that this reconcile does not know",
            hint=f"Use the version of reconcile that made it. {_REPLAN}",
        )
    planfile.refuse_other_format(content, _MAJOR)
    sections = content.get("sections")
    if not isinstance(sections, list) or not sections:
        raise PlanFileError("not a plan that can be used: it has no sections", hint=_REPLAN)
    read = ShardedPlan(
        format_version=str(content["format_version"]),
        plan_id=str(content.get("plan_id", "")),
        sections=tuple(_section(number, one) for number, one in enumerate(sections, 1)),
    )
    if read.plan_id != read.meaning():
        raise PlanFileError(
            "changed after it was made: its plan_id is not the one of its sections",
            hint=f"A plan is applied as it was reviewed, in all its databases. {_REPLAN}",
        )
    names = [one.database for one in read.sections]
    if len(set(names)) < len(names):
        raise PlanFileError("two sections are for one database", hint=_REPLAN)
    return read


def _section(number: int, given: Any) -> Section:
    plan = given.get("plan") if isinstance(given, dict) else None
    try:
        name = _NAME.validate_python(given["database"] if isinstance(given, dict) else None)
    except (KeyError, ValidationError) as error:
        raise PlanFileError(f"section {number} names no database", hint=_REPLAN) from error
    try:
        return Section(database=name, plan=planfile.parsed(plan if isinstance(plan, dict) else {}))
    except PlanFileError as error:
        raise PlanFileError(f"section {number} ({name}): {error.message}", hint=_REPLAN) from error


def schema() -> dict[str, Any]:
    """The JSON Schema of a plan file for several databases."""
    found = ShardedPlan.model_json_schema(mode="serialization")
    of_one = planfile.schema()
    dialect, definitions = of_one.pop("$schema"), of_one.pop("$defs")
    section = found["$defs"]["Section"]
    found["required"] = ["format", "format_version", "plan_id", "sections"]
    found["properties"]["format_version"]["pattern"] = rf"^{_MAJOR}\."
    return {
        "$schema": dialect,
        **found,
        "$defs": {**definitions, "Plan": of_one, "Section": section},
        "title": "A plan of reconcile for several databases",
        "description": (
            "What `reconcile plan --databases FILE --out PLAN` writes, and `reconcile apply PLAN "
            "--databases FILE` executes: an ordinary plan for each database. plan_id is the "
            "SHA-256 of the sections' names and plan_ids."
        ),
    }
