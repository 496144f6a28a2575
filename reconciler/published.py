"""The files under schemas/ that are made from the models: `python -m reconciler.published`.

With `--check` nothing is written, and the exit code says whether they are fresh.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconciler.errors import ReconcilerError


def schemas_directory() -> Path:
    """Where the published files lie: in an installed package inside it, else beside it."""
    package = Path(__file__).resolve().parent
    # Inside comes first: beside an installed package, `schemas` could be anybody's.
    for directory in (package / "schemas", package.parent / "schemas"):
        if directory.is_dir():
            return directory
    raise ReconcilerError(
        f"the schemas directory is missing: it lies neither in {package} nor beside it",
        hint="Install row-reconciler again, or run from a complete checkout.",
    )


def documents() -> dict[str, str]:
    """What the files should hold, by file name."""
    # Whoever only looks for the directory needs neither pydantic nor the parser of predicates.
    from pydantic import TypeAdapter

    from reconciler import planfile, shardfile
    from reconciler.kinds.declaration import Declaration
    from reconciler.model.advice import Advice
    from reconciler.model.approval import Approval
    from reconciler.model.catalog_change import CatalogChange
    from reconciler.model.enqueued import Queue
    from reconciler.model.event import Event
    from reconciler.model.impact import Impact
    from reconciler.model.outcome import Outcome
    from reconciler.model.revision import History
    from reconciler.model.sharded import ShardedOutcome, ShardStatus
    from reconciler.model.status import Status
    from reconciler.model.vocabulary import Vocabulary
    from reconciler.model.why import Why

    kind = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Declaration.model_json_schema(by_alias=True),
        "title": "A kind file of reconcile",
        "description": (
            "One TOML file declares one table whose rows can be planned and applied. "
            "`reconcile kinds --kinds DIR` reads a directory of them and names every mistake."
        ),
    }
    history = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **History.model_json_schema(mode="serialization"),
        "title": "The history of reconcile",
    }
    status = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Status.model_json_schema(mode="serialization"),
        "title": "The status of reconcile",
    }
    why = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Why.model_json_schema(mode="serialization"),
        "title": "An answer of reconcile why",
    }
    vocabulary = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Vocabulary.model_json_schema(mode="serialization"),
        "title": "A vocabulary of reconcile",
    }
    outcome = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Outcome.model_json_schema(mode="serialization"),
        "title": "The outcome of reconcile apply",
    }
    sharded_outcome = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ShardedOutcome.model_json_schema(mode="serialization"),
        "title": "The outcome of reconcile apply --databases",
    }
    sharded_status = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(list[ShardStatus]).json_schema(mode="serialization"),
        "title": "The status of reconcile --databases",
    }
    event = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(Event).json_schema(mode="serialization"),
        "title": "An event of reconcile",
        "description": "A line on stderr of `reconcile plan -json`, `reconcile apply -json` and "
        "`reconcile fleet worker -json`. "
        "Later releases may add fields and events; who reads them skips what it does not know.",
    }
    queue = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Queue.model_json_schema(mode="serialization"),
        "title": "The status of reconcile fleet",
    }
    approval = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Approval.model_json_schema(mode="serialization"),
        "title": "An approval of a plan of reconcile",
    }
    catalog_change = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CatalogChange.model_json_schema(),
        "title": "A change of a catalog, for reconcile plan --catalog-change FILE",
    }
    impact = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Impact.model_json_schema(mode="serialization"),
        "title": "The impact of a catalog's change",
    }
    advice = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Advice.model_json_schema(mode="serialization"),
        "title": "An advice of reconcile",
    }
    return {
        "advice.schema.json": _text(advice),
        "approval.schema.json": _text(approval),
        "catalog-change.schema.json": _text(catalog_change),
        "impact.schema.json": _text(impact),
        "plan.schema.json": _text(planfile.schema()),
        "kind.schema.json": _text(kind),
        "history.schema.json": _text(history),
        "status.schema.json": _text(status),
        "why.schema.json": _text(why),
        "vocabulary.schema.json": _text(vocabulary),
        "outcome.schema.json": _text(outcome),
        "event.schema.json": _text(event),
        "queue.schema.json": _text(queue),
        "sharded-plan.schema.json": _text(shardfile.schema()),
        "sharded-outcome.schema.json": _text(sharded_outcome),
        "sharded-status.schema.json": _text(sharded_status),
    }


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with `--check` compare them; the return value is the exit code."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: python -m reconciler.published [--check]", file=sys.stderr)
        return 1
    directory = schemas_directory()
    stale = {name: text for name, text in documents().items() if _current(directory / name) != text}
    if arguments:
        for name in stale:
            print(f"schemas/{name} is stale: run python -m reconciler.published", file=sys.stderr)
        return 1 if stale else 0
    for name, text in stale.items():
        (directory / name).write_text(text, encoding="utf-8")
        print(f"wrote schemas/{name}")
    return 0


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _current(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
