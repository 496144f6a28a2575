import traceback, pytest
from tests.test_resync import *
from reconciler.render import render
def show(p): print([ (c.action,c.address,[ (f.column,f.before,f.after) for f in getattr(c,'fields',())]) for c in p.changes][:6], p.conflicts, notes(p))
def attempt(name, f):
    print("==",name)
    try: r=f(); show(r) if isinstance(r,Plan) else print(r)
    except Exception as e: print(type(e).__name__, type(e).__mro__[1].__name__, str(e)[:300])
def test_a(birch):
    birch.sql("update entity_relationship_types set status='archived' where organization_id='org_birch' and slug='owned_by'")
    attempt("inverse archived by tenant", lambda: birch.plan("birch"))
    birch.sql(f"update entity_relationship_types set description='x' where organization_id='{HOME}' and slug='owns'")
    attempt("... and description changed", lambda: birch.plan("birch"))
    birch.install("birch",skip=[])
    attempt("... and applied", lambda: birch.plan("birch"))
def test_b(birch):
    birch.sql(f"update entity_relationship_types set status='archived' where organization_id='{HOME}' and slug='owned_by'")
    attempt("inverse archived in template", lambda: birch.plan("birch"))
    birch.sql(f"update entity_relationship_types set description='x' where organization_id='{HOME}' and slug='owns'")
    attempt("... and description changed", lambda: birch.plan("birch"))
    birch.install("birch",skip=[])
    attempt("... and applied", lambda: birch.plan("birch"))
def test_c(birch):
    birch.insert("entity_types",organization_id=HOME,slug="",name="x")
    attempt("empty slug", lambda: birch.plan("birch"))
def test_d(birch):
    set_schema(birch,"account","["*900+"]"*900)
    attempt("deep 900", lambda: birch.plan("birch"))
    attempt("deep 900", lambda: birch.install("birch",skip=[]))
    set_schema(birch,"account","["*5000+"]"*5000)
    attempt("deep 5000", lambda: birch.plan("birch"))
def test_e(birch):
    birch.sql("update entity_types set deleted_at=now() where organization_id='org_birch' and slug='goal'")
    birch.insert("entity_types",organization_id="org_birch",slug="goal",name="Ours")
    attempt("own after delete", lambda: birch.plan("birch"))
    attempt("own after delete", lambda: birch.install("birch",skip=["entity_type.goal"]))
    birch.sql("update entity_relationship_types set deleted_at=now() where organization_id='org_birch' and slug='owned_by'")
    attempt("own after delete", lambda: birch.plan("birch", adopt=["entity_type.goal"]))
    attempt("own after delete", lambda: birch.install("birch",adopt=["entity_type.goal"],skip=[]))
    attempt("own after delete", lambda: birch.plan("birch"))
def test_f(birch):
    # one world, no ledger knowledge
    birch.sql("delete from reconcile.placement")
    birch.sql(f"update entity_types set description='x' where organization_id='{HOME}' and slug='goal'")
    birch.sql(f"delete from entity_types where organization_id='org_birch' and slug='loan'")
    attempt("no ledger", lambda: birch.plan("birch"))
def test_g(birch):
    birch.sql("delete from agents where organization_id='org_birch'")
    attempt("agent deleted", lambda: birch.plan("birch"))
    attempt("agent deleted", lambda: birch.install("birch",skip=[]))
    birch.sql("delete from agents where id='agent_pf'")
    attempt("template agent deleted", lambda: birch.plan("birch",template="agent_pf"))
def test_h(birch):
    birch.insert("entity_types",organization_id=HOME,slug="x",name="x")
    birch.sql(f"insert into entity_relationship_type_rules(relationship_type_id,source_entity_type_slug,target_entity_type_slug) select relationship_type_id,source_entity_type_slug,target_entity_type_slug from entity_relationship_type_rules r join entity_relationship_types t on t.id=relationship_type_id where t.organization_id='org_birch' and t.slug='owns'")
    attempt("double rules in the target", lambda: birch.plan("birch"))
def test_i(birch):
    birch.sql(f"insert into entity_relationship_type_rules(relationship_type_id,source_entity_type_slug,target_entity_type_slug) select relationship_type_id,source_entity_type_slug,target_entity_type_slug from entity_relationship_type_rules r join entity_relationship_types t on t.id=relationship_type_id where t.organization_id='{HOME}' and t.slug='owns'")
    attempt("double rules in the template", lambda: birch.plan("birch"))
    attempt("double rules in the template", lambda: birch.plan("acme", skip=["entity_type.transaction"]).counts())
    attempt("double rules in the template", lambda: birch.install("acme"))
def test_j(birch):
    birch.sql(f"update entity_types set metadata_schema='{{\"a\": 1}}' where organization_id='{HOME}' and slug='goal'")
    birch.sql(f"update entity_types set metadata_schema='{{\"a\": 1.0}}' where organization_id='org_birch' and slug='goal'")
    attempt("1 vs 1.0", lambda: birch.plan("birch"))
    birch.sql(f"update entity_types set metadata_schema='\"x\"' where organization_id='org_birch' and slug='goal'")
    attempt("x vs ", lambda: birch.plan("birch"))
def test_k(birch):
    attempt("skip nothing", lambda: birch.plan("acme",skip=["entity_type.transaction","entity_type.account"]).notes)
    attempt("adopt nothing", lambda: birch.plan("acme",adopt=["entity_type.transaction","entity_type.account"]).counts())
    attempt("take wrong", lambda: birch.plan("acme",take=["entity_type.transaction"]))
    attempt("adopt unknown", lambda: birch.plan("acme",adopt=["entity_type.nope"]))
    attempt("adopt bad", lambda: birch.plan("acme",adopt=["nope"]))
    attempt("adopt agent", lambda: birch.plan("acme",skip=["agent.agent_pf","entity_type.transaction"]).counts())
