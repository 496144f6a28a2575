-- Who has approved what was applied.
--
-- Safe to run twice, and on a ledger of a later version.

--   plan_id    of the plan that was reviewed: a revision's plan_id, or its part_of
--   key        the fingerprint of the key that signed
--   approval   as it was signed, with the signature: it can be verified again
-- Whether approvals are demanded is said by settings: approvals (of how many people),
-- allowed_signers (the text of such a file of OpenSSH's) and approvals_not_author (true or false).
CREATE TABLE IF NOT EXISTS reconcile.approval (
    plan_id     text NOT NULL,
    principal   text NOT NULL,
    key         text NOT NULL,
    signed_at   timestamptz NOT NULL,
    expires     timestamptz NOT NULL,
    approval    json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plan_id, principal, key, signed_at, expires)
);

UPDATE reconcile.setting SET value = '4' WHERE name = 'ledger_version' AND value = '3';
