"""Plan files: JSON without loss, written whole or not at all, and read with suspicion."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from reconciler import infile
from reconciler.errors import PlanFileError
from reconciler.model.canonical import Number, parse, pretty
from reconciler.model.plan import FORMAT_VERSION, Plan
from reconciler.model.unseen import seen
from reconciler.model.value import FROM_FILE
from reconciler.model.written import EVERYWHERE, table_schema

_Read = TypeVar("_Read")

_MISTAKES_SHOWN: Final = 5
_VALUE_VARIANTS: Final = frozenset({"bool", "int", "str", "Json", "Ref", "Digest"})
_MAJOR: Final = FORMAT_VERSION.partition(".")[0]
_REPLAN: Final = "Make a new plan: reconcile plan TEMPLATE --target ORG --out FILE"
_UNEDITABLE: Final = (
    "A plan is applied as it was reviewed, so it cannot be edited. To decide otherwise,\n"
    "make another: reconcile plan TEMPLATE --target ORG --adopt ADDRESS --skip ADDRESS --out FILE"
)


def dumps(plan: Plan) -> str:
    """The plan as JSON text; fields in the model's order, numbers with every digit."""
    return text_of(plan.written())


def text_of(document: Mapping[str, Any]) -> str:
    """What a plan file has in it as JSON text. Raises PlanFileError for what no file can hold."""
    try:
        # A file that is looked at with `cat` must not move the cursor.
        return seen(pretty(document)) + "\n"
    except RecursionError as error:
        raise PlanFileError(
            "a value of this plan is nested deeper than a plan file can hold",
            hint="Flatten the JSON in the template, then plan again.",
        ) from error


def loads(text: str) -> Plan:
    """Read a plan, and refuse one that is damaged, of another format, or changed by hand."""
    return parsed(content(text))


def parsed(content: Mapping[str, Any]) -> Plan:
    """The plan that the JSON of a file amounts to; refused as in `loads`."""
    if "format" in content:
        raise PlanFileError(
            "not a plan for one database: it has a section for each of several",
            hint="Apply it with the file of the databases: reconcile apply FILE --databases FILE",
        )
    if "format_version" not in content:
        raise PlanFileError("JSON, but not a plan: it has no format_version", hint=_REPLAN)
    refuse_other_format(content, _MAJOR)
    if "plan_id" not in content:
        raise _misshapen(["plan_id: is missing"])
    try:
        plan = Plan.model_validate(content, context=FROM_FILE)
        meaning = plan.meaning()
    except ValidationError as error:
        raise _misshapen(_mistakes(error, content)) from error
    except ValueError as error:
        raise _misshapen(["a value in it is damaged, so it has no meaning"]) from error
    if plan.plan_id != meaning:
        raise PlanFileError(
            "changed after it was made: its plan_id is not the one of its content",
            hint=_UNEDITABLE,
        )
    return plan


def save(plan: Plan, path: str | os.PathLike[str]) -> None:
    """Write the plan to a file: all of it, or, whatever fails, nothing."""
    write(dumps(plan), path)


def write(text: str, path: str | os.PathLike[str]) -> None:
    """Write the text of a plan to a file: all of it, or, whatever fails, nothing."""
    content = text.encode()
    # A link keeps pointing at the plan, instead of being replaced by it.
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            raise PlanFileError(
                f"{path} is not a file that could hold a plan",
                hint="Name a file, such as acme.plan.json; to print the plan, use --format json.",
            )
        unfinished = target.with_name(f".{target.name[:200]}.{token_hex(6)}.tmp")
        try:
            _write(unfinished, content)
            unfinished.replace(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except OSError as error:
        raise PlanFileError(
            f"cannot write {path}: {error.strerror}",
            hint="Nothing was written there. Name a file in a directory that you may write to.",
        ) from error


def load(path: str | os.PathLike[str]) -> Plan:
    """Read the plan in a file, or from the standard input for `-`."""
    return read(path, loads)


def read(path: str | os.PathLike[str], loads: Callable[[str], _Read]) -> _Read:
    """What `loads` makes of the text in a file, or of the standard input for `-`."""
    name = "the standard input" if os.fspath(path) == infile.STDIN else str(path)
    try:
        raw = infile.read(path)
    except OSError as error:
        raise PlanFileError(
            f"cannot read {name}: {error.strerror}", hint=f"Name a plan file. {_REPLAN}"
        ) from error
    try:
        # Some editors and shells put a byte order mark in front, which is no part of JSON.
        return loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise PlanFileError(f"{name}: not UTF-8 text", hint=_REPLAN) from error
    except PlanFileError as error:
        raise PlanFileError(f"{name}: {error.message}", hint=error.hint) from error


def schema() -> dict[str, Any]:
    """The JSON Schema of a plan file."""
    found = Plan.model_json_schema(mode="serialization")
    definitions: dict[str, Any] = found["$defs"]
    # These three write themselves in a short form that pydantic cannot see.
    definitions["Json"] |= {
        "properties": {"json": {"title": "Json"}},
        "required": ["json"],
        "additionalProperties": False,
    }
    definitions["Ref"] |= {
        "properties": {
            "ref": {"type": "string", "pattern": r"^[^.]+\..+$"},
            "organization": {"type": "string"},
            "own": {"enum": [True]},
        },
        "required": ["ref"],
        "additionalProperties": False,
    }
    definitions["Digest"] |= {"additionalProperties": False}
    for name, definition in definitions.items():
        there = definition.get("properties", {}).get("targets")
        if there and name != "Request":
            definition["properties"]["targets"] = {
                "title": there.pop("title"), "anyOf": [there, {"const": EVERYWHERE}]
            }  # fmt: skip
        _require(definition, [name for name, _ in _constants(definition)])
    found["properties"]["targets"] = table_schema(definitions)
    _require(found, ["format_version", "plan_id"])
    found["properties"]["format_version"]["pattern"] = rf"^{_MAJOR}\."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "A plan of reconcile",
        "description": (
            "What `reconcile plan --out FILE` writes and `reconcile apply FILE` executes. "
            "Readers ignore keys that they do not know and refuse another major format_version. "
            "plan_id is the SHA-256 of the plan's meaning, so an edited plan is refused."
        ),
    }


def content(text: str) -> Mapping[str, Any]:
    """The JSON of a plan file of any format, with its numbers as they were written."""
    if not text.strip():
        raise PlanFileError("empty, so there is no plan in it", hint=_REPLAN)
    try:
        found = parse(text)
    except json.JSONDecodeError as error:
        # An open string is reported where it begins, everything else where it breaks.
        cut_off = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        what = "cut off in the middle" if cut_off else "not JSON"
        raise PlanFileError(
            f"{what}: {error.msg} in line {error.lineno}, column {error.colno}", hint=_REPLAN
        ) from error
    except ValueError as error:
        raise PlanFileError(f"not JSON that can be trusted: {error}", hint=_REPLAN) from error
    if not isinstance(found, dict):
        raise PlanFileError("JSON, but not a plan: it has no format_version", hint=_REPLAN)
    return found


def refuse_other_format(content: Mapping[str, Any], major: str) -> None:
    """Raise PlanFileError for a format that only another release can read."""
    version = content.get("format_version")
    text = version if isinstance(version, str) and not isinstance(version, Number) else ""
    if text.partition(".")[0] != major:
        raise PlanFileError(
            f'made in format {json.dumps(text)[:40]}, and this reconcile reads "{major}.x"',
            hint="Use the version of reconcile that made the plan, or make a new plan with this.",
        )


def _misshapen(mistakes: list[str]) -> PlanFileError:
    shown = mistakes[:_MISTAKES_SHOWN]
    if len(mistakes) > len(shown):
        shown.append(f"and {len(mistakes) - len(shown)} more")
    return PlanFileError(
        "not a plan that can be used:\n  " + "\n  ".join(shown),
        hint=f"schemas/plan.schema.json describes every field. {_REPLAN}",
    )


def _mistakes(error: ValidationError, content: Mapping[str, Any]) -> list[str]:
    """One line for each place in the file, in the file's words."""
    messages: dict[str, str] = {}
    for mistake in error.errors(include_url=False, include_input=False):
        missing = mistake["type"] == "missing"
        place, variant = _place(mistake["loc"], content, missing)
        message = " ".join(mistake["msg"].removeprefix("Value error, ").split())
        if variant:
            message = "not a value that a column can have in a plan"
        messages.setdefault(place, "is missing" if missing and not variant else message)
    return [f"{place}: {message}" for place, message in messages.items()]


def _place(location: tuple[int | str, ...], content: Any, missing: bool) -> tuple[str, bool]:
    """The path in the file, and whether the value there fits no variant of `Value`.

    pydantic's location names the variants that it tried, which do not stand in the file.
    """
    place = ""
    here = content
    for index, part in enumerate(location):
        if isinstance(here, dict) and isinstance(part, int) and "rows" in here:
            place, here = f"{place}.rows", here["rows"]
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            place += f"[{part}]"
            here = here[part]
        elif isinstance(here, dict) and part in here:
            place += f".{_name(part)}"
            here = here[part]
        elif missing and index == len(location) - 1:
            place += f".{_name(part)}"
        elif part in _VALUE_VARIANTS:
            return place.lstrip("."), True
    return place.lstrip(".") or "the plan", False


def _name(key: int | str) -> str:
    """A key of the file; what is no plain word is quoted, so that it cannot feign a line."""
    return key if isinstance(key, str) and key.isidentifier() else json.dumps(key)


def _write(path: Path, content: bytes) -> None:
    # The umask takes from this mode what it does from any new file's; plans hold no secrets.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    """Make the rename itself durable, where the file system lets a directory be synced."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _constants(definition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, field in definition.get("properties", {}).items():
        if "const" in field:
            yield name, field["const"]


def _require(definition: dict[str, Any], names: list[str]) -> None:
    if names:
        required = definition.get("required", [])
        definition["required"] = [*(name for name in names if name not in required), *required]
