-- +goose Up
ALTER TABLE orders ADD COLUMN finished_at BIGINT NOT NULL DEFAULT 0; -- when it left pending; 0: not yet
ALTER TABLE orders ADD COLUMN objective TEXT NOT NULL DEFAULT ''; -- '' (undecided), good, bad, none
ALTER TABLE orders ADD COLUMN objective_counted INTEGER NOT NULL DEFAULT 0; -- 1: the verdict is in orders_objective

-- Nobody measured the orders that are there already.
UPDATE orders SET objective = 'none', objective_counted = 1;
UPDATE orders SET finished_at = created_at WHERE status <> 'pending';

CREATE INDEX orders_uncounted ON orders (created_at) WHERE objective_counted = 0;
CREATE INDEX orders_unfinished ON orders (created_at) WHERE finished_at = 0;

CREATE TABLE orders_objective (
    result TEXT   PRIMARY KEY, -- good, bad
    total  BIGINT NOT NULL
);
INSERT INTO orders_objective (result, total) VALUES ('good', 0), ('bad', 0);

-- +goose Down
DROP TABLE orders_objective;
DROP INDEX orders_unfinished;
DROP INDEX orders_uncounted;
ALTER TABLE orders DROP COLUMN objective_counted;
ALTER TABLE orders DROP COLUMN objective;
ALTER TABLE orders DROP COLUMN finished_at;
