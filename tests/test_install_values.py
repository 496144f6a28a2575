"""What a first install writes is to the digit, and to the letter, what the template has."""

from __future__ import annotations

from reconciler import planfile
from reconciler.model.change import Update
from tests.fixtures.world import World


def test_numbers_arrive_to_the_last_digit(world: World) -> None:
    # Digits that a float loses, and most libraries with it.
    digits = '{"big": 12345678901234567890, "price": 1.10, "fine": 0.1000000000000000000001,'
    digits += ' "huge": 1e400, "list": [1, 1.0, true]}'
    template = "WHERE organization_id = 'org_public_finance' AND slug = 'account'"
    world.sql(f"UPDATE entity_types SET metadata_schema = %s {template}", digits)
    plan = world.plan("birch")
    written = planfile.dumps(plan)
    assert '"big": 12345678901234567890' in written
    assert '"price": 1.10' in written
    world.apply(planfile.loads(written))
    schemas = "SELECT DISTINCT metadata_schema::text FROM entity_types WHERE slug = 'account'"
    ((ours,),) = world.sql(schemas)
    assert '"fine": 0.1000000000000000000001, ' in ours
    assert f'"huge": 1{"0" * 400}, ' in ours
    assert '"list": [1, 1.0, true]' in ours
    assert world.plan("birch").empty
    # jsonb calls 1.10 and 1.1 equal; a person who reads the schema does not.
    other = digits.replace("10,", "1,")
    world.sql(f"UPDATE entity_types SET metadata_schema = %s {template}", other)
    plan = world.plan("birch")
    assert plan.counts().update == 1
    (update,) = plan.changes
    assert isinstance(update, Update)
    (step,) = update.fields[0].operations
    assert (step.op, step.path, step.value) == ("replace", "/price", "1.1")
    world.apply(plan)
    ((ours,),) = world.sql(schemas)
    assert '"price": 1.1}' in ours


def test_json_null_is_not_sql_null_and_true_is_not_one(world: World) -> None:
    steps: dict[str, tuple[str | None, str | None]] = {
        "account": ("null", None),
        "bill": (None, "null"),
        "card": ('""', "null"),
        "goal": ("true", "1"),
        "loan": ("{}", "[]"),
    }
    schemas = "SELECT slug, metadata_schema::text FROM entity_types"
    schemas += " WHERE organization_id = 'org_birch' AND slug = ANY(%s)"
    for step in (0, 1):
        for slug, values in steps.items():
            sql = "UPDATE entity_types SET metadata_schema = %s WHERE slug = %s AND organization_id"
            world.sql(f"{sql} = 'org_public_finance'", values[step], slug)
        plan = world.plan("birch")
        assert {f"entity_type.{slug}" for slug in steps} <= {one.address for one in plan.changes}
        world.apply(planfile.loads(planfile.dumps(plan)))
        found = dict(world.sql(schemas, list(steps)))
        assert found == {slug: values[step] for slug, values in steps.items()}
    assert world.plan("birch").empty


def test_hostile_text_arrives_to_the_letter(world: World) -> None:
    home = "org_public_finance"
    hostile = (
        'it\'s "a" %s 100%% $1 {x} \\n \\\\ \t\r\n;--</b> [red] \u202egnp.exe\u200b 🙂 a/b.c~d'
    )
    texts = [hostile, '{"like": "JSON"}', "null", "true", "12", '"quoted"', "", " x ", "\\N", "{a}"]
    for number, text in enumerate(texts):
        world.insert(
            "entity_types",
            organization_id=home,
            slug=text and f"{number}{text}",
            name=text,
            description="ten thousand " * 1_000 + text,
            icon=text,
            metadata_schema={text: [text, "long" * 2_500]},
        )
    kinds = "entity_relationship_types"
    one = world.insert(kinds, organization_id=home, slug=hostile, name=hostile)
    other = world.insert(
        kinds, organization_id=home, slug=hostile[::-1], name="", inverse_type_id=one
    )
    world.insert(
        "entity_relationship_type_rules",
        relationship_type_id=other,
        source_entity_type_slug=hostile,
        target_entity_type_slug="",
    )
    world.apply(planfile.loads(planfile.dumps(world.plan("birch"))))
    for rows in (
        "SELECT slug, name, description, icon, metadata_schema::text FROM entity_types"
        " WHERE organization_id = %s AND slug <> '$member' ORDER BY slug",
        "SELECT t.slug, t.name, i.slug, source_entity_type_slug, target_entity_type_slug"
        " FROM entity_relationship_types t JOIN entity_relationship_type_rules r"
        " ON r.relationship_type_id = t.id LEFT JOIN entity_relationship_types i"
        " ON i.id = t.inverse_type_id AND i.organization_id = t.organization_id"
        " WHERE t.organization_id = %s ORDER BY 1, 4, 5",
    ):
        assert world.sql(rows, "org_birch") == world.sql(rows, home)
    assert world.plan("birch").empty
