"""What the ledger would say of itself if it were not true: each line found is a lie."""

LIES = """
SELECT 'a placement of no revision', p.organization_id, p.key::text FROM reconcile.placement p
WHERE NOT EXISTS (SELECT FROM reconcile.revision r
                  WHERE r.id = p.revision AND p.organization_id = ANY(r.targets))
UNION ALL SELECT 'a placement without its content', p.organization_id, p.key::text
FROM reconcile.placement p
WHERE NOT EXISTS (SELECT FROM reconcile.content c WHERE c.digest = p.content)
UNION ALL SELECT 'not the last revision', t.organization_id, t.revision::text
FROM reconcile.target t
WHERE t.revision IS DISTINCT FROM
      (SELECT max(r.id) FROM reconcile.revision r WHERE r.targets @> ARRAY[t.organization_id])
UNION ALL SELECT 'placed twice', p.organization_id, p.row_id FROM reconcile.placement p
WHERE p.state = 'placed' GROUP BY p.organization_id, p.kind, p.row_id HAVING count(*) > 1
"""
