"""The fence: what an apply writes to rows, it writes as a role that policies hold in the targets.

It is up where the setting `fence` says so. The role is taken for the writes of rows alone, and for
the transaction only (`SET LOCAL ROLE`); reading, locks, the ledger and audit tables are the
applier's own. Policies and roles are printed by `reconcile grants --fence up` (`sql.fence`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from sqlglot import exp

from reconciler.database.asking import Fixed, Question, Rows, Runnable, as_array
from reconciler.errors import FenceError
from reconciler.kinds import Kinds
from reconciler.model.fence import OPEN, POLICIES, ROLE, ROLE_SETTING, SETTING, TARGETS
from reconciler.sql.fence import fenced, fixed, pointed_at
from reconciler.sql.guard import LEDGER
from reconciler.sql.tree import Statement

_SETTING: Final = Fixed(
    """
    SELECT s.value, coalesce(f.value, $1), current_setting('role'), r.oid IS NOT NULL,
           r.rolsuper OR r.rolbypassrls, pg_has_role(session_user, r.oid, 'MEMBER')
    FROM reconcile.setting s
    LEFT JOIN reconcile.setting f ON f.name = $2
    LEFT JOIN pg_roles r ON r.rolname = coalesce(f.value, $1)
    WHERE s.name = $3
    """,
    (ROLE, ROLE_SETTING, SETTING),
)
# What a role owns, no policy keeps it from; what it may delete, no policy of ours looks at; and
# what it may move, lies where it was moved to.
_HOLES: Final = """
SELECT DISTINCT n.nspname::text, c.relname::text, hole.what
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (db_schema, name, fixed)
JOIN pg_namespace n ON n.nspname = wanted.db_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('r', 'p')
LEFT JOIN pg_attribute a
    ON a.attrelid = c.oid AND a.attname = wanted.fixed AND NOT a.attisdropped
JOIN reconcile.setting s ON s.name = $4 AND s.value <> 'false'
LEFT JOIN reconcile.setting f ON f.name = $5
JOIN pg_roles r ON r.rolname = coalesce(f.value, $6)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT c.relrowsecurity AND wanted.fixed = '' THEN NULL
        WHEN NOT c.relrowsecurity THEN 'row-level security is off'
        WHEN wanted.fixed <> '' AND 2 > (
            SELECT count(*) FROM pg_policy p
            WHERE p.polrelid = c.oid AND p.polcmd = ANY('{a,w}') AND p.polname = ANY($7::name[])
              AND NOT p.polpermissive AND p.polroles = ARRAY[r.oid]
              AND strpos(pg_get_expr(p.polwithcheck, p.polrelid), $8) > 0)
        THEN 'a policy of the fence is missing, or is another one'
        WHEN NOT EXISTS (
            SELECT FROM pg_policy p
            WHERE p.polrelid = c.oid AND p.polname = $9 AND p.polpermissive
              AND p.polcmd = ANY(CASE wanted.fixed WHEN '' THEN '{r,*}' ELSE '{*}' END::"char"[])
              AND p.polroles && ARRAY[0, r.oid])
        THEN 'no policy ' || $9 || ' lets the role read it'
        WHEN EXISTS (
            SELECT FROM pg_policy p
            WHERE p.polrelid = c.oid AND p.polname <> ALL($7::name[]) AND NOT p.polpermissive
              AND p.polroles && ARRAY[0, r.oid])
        THEN 'another policy restricts what the role sees of it'
        WHEN pg_has_role(r.oid, c.relowner, 'USAGE') THEN 'the role owns it'
        WHEN has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE')
        THEN 'the role may delete its rows'
        WHEN has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')
        THEN 'the role may update its column ' || a.attname
    END AS what
) AS hole
WHERE hole.what IS NOT NULL
ORDER BY 1, 2, 3
"""
_REMEDY: Final = (
    "Let a DBA run what `reconcile grants --role applier --fence up` prints (with --to and --kinds "
    "as they are), and apply the same plan again. --fence down prints how to do without a fence."
)


@dataclass(frozen=True)
class Fence:
    """Around the writes of one apply.

    role     who writes
    before   which role was set (`SET ROLE`), to go back to; `none` for the one that logged in
    beside   tables that are written as the applier: those that are told of changes
    """

    role: str
    before: str
    beside: frozenset[tuple[str, str]]

    def around(
        self, statements: Sequence[Statement], targets: Collection[str]
    ) -> Iterator[Runnable]:
        """The statements in their order, each write of rows behind the fence around the targets."""
        # The policies' lists of what lies in the targets are to be hashed, however long they are.
        inside = Fixed(
            "SELECT set_config($1, $2, true), set_config('row_security', 'on', true), "
            "set_config('hash_mem_multiplier', '100', true), set_config('role', $3, true)",
            (TARGETS, as_array(sorted(targets)), self.role),
        )
        outside = Fixed(
            "SELECT set_config('role', $1, true), set_config('row_security', 'off', true)",
            (self.before,),
        )
        for behind, some in groupby(statements, self._concerns):
            yield from [inside] if behind else []
            yield from some
            yield from [outside] if behind else []

    def _concerns(self, statement: Statement) -> bool:
        """Whether it writes rows, or reads what was written of them; the ledger is not theirs."""
        if isinstance(statement.tree, exp.Select):
            return all(one.db != LEDGER for one in statement.tree.find_all(exp.Table))
        written = statement.tree.this
        written = written.this if isinstance(written, exp.Schema) else written
        return written.db != LEDGER and (written.db, written.name) not in self.beside


def asking(kinds: Kinds) -> Question[Callable[[Kinds], Fence | None]]:
    """Asks for the fence; the answer gives it, if there is one, for the kinds that are written.

    That raises FenceError where the fence is asked for, and does not hold.
    """
    wanted = [list(column) for column in zip(*fixed(kinds), strict=True)]
    names = (SETTING, ROLE_SETTING, ROLE, list(POLICIES.values()), TARGETS, OPEN)
    holes = Fixed(_HOLES, (*wanted, *names))
    return Question([_SETTING, holes], lambda answers: partial(_fence, answers))


def _fence(answers: Sequence[Rows], kinds: Kinds) -> Fence | None:
    asked, holes = answers
    if not asked or asked[0][0] == "false":
        return None
    setting, role, before, exists, sees_all, may = asked[0]
    if setting != "true":
        raise FenceError(
            f"the setting {SETTING} is {setting!r}, which is neither 'true' nor 'false'; nothing "
            "was written",
            hint="Say which: UPDATE reconcile.setting SET value = 'true' WHERE name = 'fence'.",
        )
    tables = {*fenced(kinds), *pointed_at(kinds)}
    wrong = [f"{one}.{table}: {what}" for one, table, what in holes if (one, table) in tables]
    if not exists:
        wrong = [f"there is no role {role}"]
    elif sees_all:
        wrong = [f"no policy concerns the role {role}: it is a superuser, or has BYPASSRLS"]
    elif not may:
        wrong.append(f"this session may not take the role {role}")
    if wrong:
        raise FenceError(
            "the fence has a hole, so nothing was written:\n  " + "\n  ".join(wrong), hint=_REMEDY
        )
    audits = (kind.audit for kind in kinds if kind.audit)
    return Fence(role, before, frozenset((one.db_schema, one.table) for one in audits))
