-- +goose Up
CREATE TABLE stock (
    sku       TEXT   PRIMARY KEY,
    available BIGINT NOT NULL CHECK (available >= 0),
    reserved  BIGINT NOT NULL CHECK (reserved >= 0)
);

-- One row an order, whichever comes first: its creation or, as a tombstone, its cancellation.
CREATE TABLE reservations (
    order_id TEXT PRIMARY KEY,
    state    TEXT NOT NULL, -- reserved, rejected, cancelled
    reason   TEXT NOT NULL
);

CREATE TABLE reservation_items (
    order_id TEXT   NOT NULL REFERENCES reservations (order_id),
    sku      TEXT   NOT NULL,
    quantity BIGINT NOT NULL,
    PRIMARY KEY (order_id, sku)
);

-- +goose Down
DROP TABLE reservation_items;
DROP TABLE reservations;
DROP TABLE stock;
