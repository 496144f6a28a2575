"""The rules of ownership and of columns in words, for whoever asks why a row is as it is."""

from __future__ import annotations

from typing import Final

from reconciler.model.why import Reason

# Whose a row is: the ownership table.
_ROWS: Final = {
    "create": "There is no row, and none was ever placed here: a plan creates it.",
    "deleted_by_tenant": "The row was placed here, and the tenant retired or deleted it: it stays "
    "so, until a person restores it.",
    "restore": "A plan retired the row, and the template has it again: a plan brings it back.",
    "retired": "A plan retired the row, since the template no longer had it or was uninstalled.",
    "user_authored": "The tenant's own people wrote it: no plan touches it, unless a person "
    "adopts it by name.",
    "tenants_part": "The tenant's own people wrote it, and it goes with the row that it belongs "
    "to: no plan touches it.",
    "released": "It was handed to the tenant: it is the tenant's own, whatever the template does, "
    "unless a person adopts it again.",
    "managed": "The template placed it: it is compared, column by column, and its values follow "
    "the template.",
    "shared": "Another agent of the template's organisation placed it: it is compared as the "
    "template's, and the first owner keeps the tag.",
    "dangling_owner": "An agent of the template's organisation placed it that no longer exists: "
    "it is compared as the template's.",
    "foreign_owner": "Another template placed it: no plan of this one touches it, unless a person "
    "takes it over by name.",
    "dead_row_blocks": "The row is retired and not the template's, and still occupies its key in "
    "a unique index: the template's does not fit.",
    "ambiguous": "Several live rows have this key: which one is meant is not known.",
    "orphaned": "The template placed it, and no longer has it: it stays, unless a plan prunes it.",
    "not_in_template": "The template has no such row, and did not place this one: no plan has "
    "anything to do with it.",
    "with_parent": "What it belongs to is left alone, and so is what belongs to that.",
    "deferred": "It belongs to a row that the tenant does not have, or has several times: it "
    "waits for that one.",
    "old_version": "It is not the version in force: of a history, only that one is placed.",
    "provided": "An install by reference made it for the user in whose name it was: it is the "
    "tenant's, and no template has such rows.",
    "not_mirrored": "Rows of this kind are only pointed at: none is ever written.",
    "template_gone": "The template that placed it no longer exists: nothing brings the row up to "
    "date, and it stays as it is.",
    "template_private": "The template is not public: until it is again, no plan compares the row, "
    "and it stays as it is.",
    "template_installed": "The template is itself installed from another one: no plan compares "
    "the row.",
    "gone": "The row was placed here, and is not here any more.",
    "no_template": "No template has anything to do with it.",
}

# What becomes of a column: the table of base, target and template.
_COLUMNS: Final = {
    "template_changed": "the template changed it, the tenant did not: the template's value arrives",
    "overwritten": "the tenant edited a column of the template's: the template's value comes back",
    "two_ways": "what was applied before is not known: the template's value arrives",
    "kept_edit": "the tenant edited a shared column, the template did not change it: it is kept",
    "pinned": "the row was adopted as it was: the tenant's value is kept, until the template "
    "changes it",
    "edited_both": "the tenant and the template both changed it: a person decides",
    "same": "the tenant and the template came to the same value: nothing to do",
    "held": "the version that the template points at is not placed here: the pointer stays",
    "version": "a version is history: it is never written over",
    "waits": "it waits for the conflict at this row",
    "left": "the row is left alone, and the column with it",
    "unplanned": "no plan compares it",
}


def of_row(rule: str) -> Reason:
    """A rule of the ownership table."""
    return Reason(rule=rule, says=_ROWS[rule])


def of_column(rule: str) -> Reason:
    """A rule of the table of columns."""
    return Reason(rule=rule, says=_COLUMNS[rule])
