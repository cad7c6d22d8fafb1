-- New messages are published before replayed ones, however many those are.

-- +goose Up
DROP INDEX outbox_unpublished;
CREATE INDEX outbox_unpublished ON outbox (replayed, id) WHERE published_at = 0;

-- +goose Down
DROP INDEX outbox_unpublished;
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at = 0;
