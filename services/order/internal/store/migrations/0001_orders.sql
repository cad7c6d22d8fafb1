-- Times are microseconds since 1970 UTC, which all databases store alike.

-- +goose Up
CREATE TABLE orders (
    id          TEXT   PRIMARY KEY, -- a UUIDv7: orders sort by the time of their acceptance
    customer_id TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    total_cents BIGINT NOT NULL,
    trace_id    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX orders_customer ON orders (customer_id, id);
CREATE INDEX orders_status ON orders (status, id);

CREATE TABLE order_items (
    order_id         TEXT    NOT NULL REFERENCES orders (id),
    position         INTEGER NOT NULL, -- in the request, from 0
    sku              TEXT    NOT NULL,
    quantity         BIGINT  NOT NULL,
    unit_price_cents BIGINT  NOT NULL,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE idempotency_keys (
    key        TEXT   PRIMARY KEY,
    body_hash  TEXT   NOT NULL, -- SHA-256 of what was asked for
    order_id   TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
DROP TABLE order_items;
DROP TABLE orders;
