-- What is new goes before what is published again, however much that is.

-- +goose Up
DROP INDEX outbox_unpublished;
CREATE INDEX outbox_unpublished ON outbox (replayed, id) WHERE published_at = 0;

-- +goose Down
DROP INDEX outbox_unpublished;
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at = 0;
