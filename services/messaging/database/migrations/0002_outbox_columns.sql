-- +goose Up
ALTER TABLE outbox ADD COLUMN headers TEXT NOT NULL DEFAULT ''; -- JSON of the headers without a column; '' if there are none
-- FNV-1a of the subject, 32 bits: modulo the number of partitions it is the partition. It is 0 in older rows: such a row may be
-- tried while its partition accepts nothing, which does no harm.
ALTER TABLE outbox ADD COLUMN subject_hash BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE outbox DROP COLUMN subject_hash;
ALTER TABLE outbox DROP COLUMN headers;
