-- Back to the third version: who approved what is forgotten, and the settings that demand approvals
-- stay, and demand nothing of a release that does not know them.
DROP TABLE IF EXISTS reconcile.approval;

UPDATE reconcile.setting SET value = '3' WHERE name = 'ledger_version' AND value = '4';
