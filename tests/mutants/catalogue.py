"""The mutants, by what they break."""

from __future__ import annotations

from tests.mutants import Mutant

_STALE = "test_apply.py::test_every_row_that_moved_makes_the_plan_stale_and_is_named"
_GUARD = "sql/test_guard.py::test_a_mutated_statement_is_refused"
_TABLE = "differ/test_ownership.py::test_the_table"
_TRIGGER = "test_proof_triggers.py::test_a_trigger_that_writes_elsewhere"

LOCKS = (
    Mutant(
        "the targets are not locked",
        "ledger/record.py",
        "ANY( $1::text[]) ORDER BY t.organization_id FOR UPDATE",
        "ANY( $1::text[]) ORDER BY t.organization_id",
        "test_races.py::test_an_apply_has_its_targets_to_itself_from_its_first_question",
    ),
    Mutant(
        "the rows to update are not locked",
        "applier/attempt.py",
        "guarded(self.scope, script.locks())",
        "guarded(self.scope, [])",
        "test_races.py::test_a_row_that_was_checked_stays_so_until_it_is_written",
    ),
    Mutant(
        "a plan is read in several snapshots",
        "database/connection.py",
        'REPEATABLE READ READ ONLY" if',
        'READ COMMITTED READ ONLY" if',
        "test_races.py::test_a_template_published_while_it_is_read_never_mixes_two_versions",
    ),
)

PRECONDITIONS = (
    Mutant(
        "no precondition is looked at",
        "applier/attempt.py",
        "holding(self.scope, self.plan, script.checks())",
        "holding(self.scope, self.plan, [])",
        _STALE,
    ),
    Mutant(
        "a retry looks at no precondition",
        "applier/attempt.py",
        "holding(self.scope, self.plan, script.checks())",
        "holding(self.scope, self.plan, script.checks() if self.attempt == 1 else [])",
        "test_races.py::test_a_retry_looks_at_everything_again",
    ),
    Mutant(
        "whose a row is by now is not looked at",
        "sql/verify.py",
        "            default=ours,\n",
        "            default=any_of((ours, exp.true())),\n",
        _STALE,
    ),
    Mutant(
        "a row that is there by now is created beside it",
        "sql/statements.py",
        'found.append(Check(present(creates), creates.changes, "exists by now"))',
        "pass",
        _STALE,
    ),
    Mutant(
        "what was placed since, and is gone, is placed again",
        "sql/statements.py",
        "if (again := _within(creates, lambda _: self.since)).changes:",
        "if (again := _within(creates, lambda _: ())).changes:",
        "test_placed_since.py::test_what_the_tenant_deleted_since_stays_deleted",
    ),
    Mutant(
        "what a row hangs on is not looked at",
        "sql/statements.py",
        "found.extend(self._hanging(creates, updates, ours))",
        "pass",
        "test_apply.py::test_a_row_that_lost_what_it_hangs_on_makes_the_plan_stale",
    ),
    Mutant(
        "what the tenant uses by now is retired",
        "applier/attempt.py",
        "        allowed.unused(self.connection, plan, opening)\n",
        "",
        "test_leaving_promises.py::test_what_came_into_use_meanwhile_is_not_retired",
    ),
    Mutant(
        "the template's fingerprint is not compared",
        "applier/attempt.py",
        "found is not None and found() != plan.fingerprint",
        "False",
        "test_apply.py::test_what_was_reviewed_is_applied_though_the_template_moved_on",
    ),
    Mutant(
        "a plan for another database is applied",
        "applier/refusals.py",
        "if here != plan.database:",
        "if here is None:",
        "test_apply.py::test_a_plan_for_another_database_is_refused",
    ),
)

AUTHORISATION = (
    Mutant(
        "who may is not asked again under the locks",
        "applier/allowed.py",
        "            may()\n",
        "            pass\n",
        "test_apply.py::test_what_stopped_being_allowed_after_the_plan_is_refused",
    ),
    Mutant(
        "a template that became private is installed",
        "applier/allowed.py",
        "        refuse(found, plan.targets)\n",
        "",
        "test_apply.py::test_what_stopped_being_allowed_after_the_plan_is_refused",
    ),
    Mutant(
        "a plan with conflicts is applied",
        "applier/refusals.py",
        "    if not plan.blocking:\n",
        "    if plan.blocking:\n",
        "test_apply.py::test_an_edited_plan_is_refused",
    ),
)

APPROVALS = (
    Mutant(
        "nobody asks whether the plan is approved",
        "applier/attempt.py",
        "self.approved = approved()",
        "self.approved = {}",
        "approvals/test_approved_apply.py::test_what_the_ledger_demands_binds_everybody",
    ),
    Mutant(
        "an approval of another plan counts",
        "approvals/policy.py",
        "if one.plan_id not in plan_ids:",
        "if not one.plan_id:",
        "approvals/test_judge.py::test_another_effect_is_another_plan_and_another_rendering_is_not",
    ),
)

FENCE = (
    Mutant(
        "rows are written outside of the fence",
        "applier/fence.py",
        "yield from [inside] if behind else []",
        "yield from []",
        "test_fence.py::test_a_wrong_statement_reaches_nobody_else",
    ),
    Mutant(
        "a fence with a hole is good enough",
        "applier/fence.py",
        "    if wrong:\n",
        "    if not role:\n",
        "test_fence.py::test_a_fence_with_a_hole_is_refused",
    ),
)

LEDGER = (
    Mutant(
        "where rows went is not remembered",
        "applier/writing.py",
        "            *script.ledger.places(),\n",
        "",
        "test_proof_triggers.py::test_a_trigger_that_touches_the_same_row_passes",
    ),
    Mutant(
        "nobody asks whether the plan was applied already",
        "applier/attempt.py",
        "if entered.applied:",
        "if False:",
        "test_apply.py::test_the_same_plan_is_applied_once",
    ),
    Mutant(
        "a wave does again what others have done",
        "applier/attempt.py",
        "done = history.done_of(entered.applied)",
        "done: set[str] = set()",
        "test_waves.py::test_applied_again_it_writes_nothing_whatever_the_waves",
    ),
)

PROOF = (
    Mutant(
        "row counts are not compared",
        "applier/proof.py",
        "if statement.rows is not None and written != statement.rows:",
        "if False:",
        "test_proof.py::test_more_or_fewer_rows_than_the_plans",
    ),
    Mutant(
        "who wrote the rows at the plan's places is not asked",
        "sql/proof.py",
        "all_of((*conditions, ours))",
        "all_of(conditions)",
        "test_proof.py::test_other_rows_than_the_plans",
    ),
    Mutant(
        "an earlier step stands in for one that missed its row",
        "applier/proof.py",
        "if command <= self._command:",
        "if command < 0:",
        "test_proof.py::test_other_rows_than_the_plans",
    ),
    Mutant(
        "what was written elsewhere is not counted",
        "applier/proof.py",
        "list(self._wrong(found)) if switch",
        "[] if switch",
        _TRIGGER,
    ),
    Mutant(
        "what is deferred to the COMMIT is not waited for",
        "applier/proof.py",
        "Question([_NOW, _COUNTING,",
        "Question([_COUNTING, _COUNTING,",
        f"{_TRIGGER}[only_at_commit]",
    ),
    Mutant(
        "what a session has written before counts as the plan's",
        "applier/proof.py",
        "            found.subtract(self._before)\n",
        "",
        "test_proof.py::test_what_a_lent_connection_has_just_written_is_not_counted",
    ),
)

GUARD = (
    Mutant(
        "the guard lets everything pass",
        "sql/guard.py",
        "        if wrong:\n",
        "        if not statement:\n",
        "sql/test_guard.py::test_other_kinds_of_statement_are_refused",
    ),
    Mutant(
        "the guard takes any list for the targets",
        "sql/bounds.py",
        "isinstance(given, list) and self.targets.issuperset(given)",
        "isinstance(given, list)",
        "sql/test_guard.py::test_placements_outside_of_the_targets_are_refused",
    ),
    Mutant(
        "the guard knows no columns",
        "sql/guard.py",
        "        if column not in declared:\n",
        "        if not column:\n",
        _GUARD,
    ),
    Mutant(
        "the guard knows no functions",
        "sql/guard.py",
        "if node.name.lower() not in _FUNCTIONS:",
        "if not node.name:",
        _GUARD,
    ),
)

SCOPE = (
    Mutant(
        "an update forgets its organisation",
        "sql/write.py",
        "[*located, *([resolved.this]",
        "[*located[1:], *([resolved.this]",
        "test_install.py::test_two_targets_in_one_plan",
    ),
    Mutant(
        "a plan reads the rows of other organisations",
        "sql/questions.py",
        'targets = in_list(source.scope, asked.add(Blank.TARGETS, "text[]"))',
        'targets = not_null(asked.add(Blank.TARGETS, "text[]"))',
        "test_install.py::test_nobody_else_is_touched",
    ),
    Mutant(
        "values are compared as PostgreSQL does, not exactly",
        "sql/settled.py",
        '"record_image_eq"',
        '"record_eq"',
        "test_install_values.py::test_numbers_arrive_to_the_last_digit",
    ),
    Mutant(
        "numbers go through a float",
        "model/canonical.py",
        "        parts.append(value)\n",
        "        parts.append(str(float(value)))\n",
        "differ/test_compare.py::test_values_that_look_alike_are_told_apart",
    ),
    Mutant(
        "values that look alike are equal",
        "differ/compare.py",
        "if theirs == ours or",
        "if str(theirs) == str(ours) or",
        "differ/test_compare.py::test_values_that_look_alike_are_told_apart",
    ),
)

DECISIONS = (
    Mutant(
        "a row without an owner is the template's",
        "differ/ownership.py",
        'state.ledger == "released" else "user_authored"',
        'state.ledger == "released" else "compare"',
        _TABLE,
    ),
    Mutant(
        "another template's row is the template's",
        "differ/ownership.py",
        'return "compare" if self.ours(state) else "foreign_owner"',
        'return "compare"',
        _TABLE,
    ),
    Mutant(
        "what the tenant deleted is forgotten",
        "differ/ownership.py",
        'if state.ledger == "placed" and not kind.installs else "create"',
        'if kind.history else "create"',
        _TABLE,
    ),
    Mutant(
        "a dead row in the way is not seen",
        "differ/ownership.py",
        'return "dead_row_blocks" if state.blocks else "create"',
        'return "create"',
        _TABLE,
    ),
    Mutant(
        "the tenant's edit is no edit",
        "differ/compare.py",
        "drifted = known and was != ours",
        "drifted = False",
        "differ/test_compare.py::test_the_table",
    ),
    Mutant(
        "what both sides changed is the template's",
        "differ/compare.py",
        'if resolved not in ("adopt", "take") or kind.history:',
        "if kind.history:",
        "differ/test_compare.py::test_the_table",
    ),
    Mutant(
        "a shared column is the template's",
        "differ/compare.py",
        'shared = column.owner == "shared" or column.name in kept',
        "shared = column.name in kept",
        "differ/test_compare.py::test_the_table",
    ),
)

MEMBERS = (
    Mutant(
        "an address is believed, whoever wrote it",
        "differ/membership.py",
        "elif trusted or ",
        "elif True or ",
        "test_membership.py::test_not_known_by_an_address_that_anybody_could_have_written",
    ),
    Mutant(
        "another user's entity is bound",
        "differ/membership.py",
        "if mail.wrong or mail.other:",
        "if mail.wrong:",
        "test_membership.py::test_not_known_by_an_entity_that_is_no_member_of_ones_own",
    ),
    Mutant(
        "an address that is not verified says who somebody is",
        "database/members.py",
        'CASE WHEN u."emailVerified" THEN',
        "CASE WHEN true THEN",
        "test_membership.py::test_not_known_by_an_address_that_is_not_verified",
    ),
    Mutant(
        "addresses that look alike are the same",
        "database/members.py",
        """lower(i.identifier COLLATE "C") = p.email""",
        """lower(normalize(i.identifier) COLLATE "C") = p.email""",
        "test_membership.py::test_not_known_by_an_address_that_looks_alike",
    ),
    Mutant(
        "who somebody is, is taken from the plan",
        "applier/allowed.py",
        "        members(connection, opening, plan)\n",
        "",
        "test_membership_kept.py::test_a_plan_that_binds_somebody_else",
    ),
    Mutant(
        "members are made for whoever did not ask for a reference",
        "differ/check.py",
        "        yield from provided(kind, change, plan)\n",
        "",
        "test_membership_kept.py::test_a_plan_that_did_not_ask_for_a_reference",
    ),
)

MUTANTS = (
    *LOCKS,
    *PRECONDITIONS,
    *AUTHORISATION,
    *APPROVALS,
    *FENCE,
    *LEDGER,
    *PROOF,
    *GUARD,
    *SCOPE,
    *DECISIONS,
    *MEMBERS,
)
