-- +goose Up
ALTER TABLE outbox ADD COLUMN headers TEXT NOT NULL DEFAULT ''; -- JSON, those without a column; '' if there are none
-- FNV-1a, 32 bits: it tells the partition. 0 in rows from before: such a row may be tried while its partition is known to
-- take nothing, in vain and at no cost.
ALTER TABLE outbox ADD COLUMN subject_hash BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE outbox DROP COLUMN subject_hash;
ALTER TABLE outbox DROP COLUMN headers;
