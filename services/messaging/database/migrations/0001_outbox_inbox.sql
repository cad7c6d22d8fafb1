-- Times are microseconds since 1970 UTC, which all databases store alike.

-- +goose Up
CREATE TABLE outbox (
    id           TEXT    PRIMARY KEY, -- of the event, a UUIDv7: rows sort by the time of their creation
    stream       TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    time         BIGINT  NOT NULL,
    data         TEXT    NOT NULL,
    traceparent  TEXT    NOT NULL, -- the creation context
    tracestate   TEXT    NOT NULL,
    baggage      TEXT    NOT NULL,
    cause_id     TEXT    NOT NULL, -- id of the event that this one answers, '' if a request caused it
    leased_until BIGINT  NOT NULL DEFAULT 0, -- until then a relay has reserved the row
    failures     INTEGER NOT NULL DEFAULT 0, -- through the row's own fault; an outage does not count
    published_at BIGINT  NOT NULL DEFAULT 0, -- 0: not yet
    replayed     INTEGER NOT NULL DEFAULT 0  -- 1: it was published before, and will be again
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at = 0;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at > 0;
CREATE INDEX outbox_cause ON outbox (cause_id) WHERE cause_id <> '';

CREATE TABLE inbox (
    consumer_group TEXT   NOT NULL,
    event_id       TEXT   NOT NULL,
    processed_at   BIGINT NOT NULL,
    PRIMARY KEY (consumer_group, event_id)
);
CREATE INDEX inbox_processed ON inbox (processed_at);

-- +goose Down
DROP TABLE inbox;
DROP TABLE outbox;
