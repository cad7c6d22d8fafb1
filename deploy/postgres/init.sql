-- Runs once, when the volume is empty: a database, a user and a password for each service, which cannot reach the other's. The
-- passwords are in the environment.
\getenv order_password POSTGRES_ORDER_PASSWORD
\getenv inventory_password POSTGRES_INVENTORY_PASSWORD

CREATE ROLE "order" LOGIN PASSWORD :'order_password';
CREATE ROLE inventory LOGIN PASSWORD :'inventory_password';
CREATE DATABASE "order" OWNER "order";
CREATE DATABASE inventory OWNER inventory;
REVOKE CONNECT, TEMPORARY ON DATABASE "order", inventory, postgres FROM PUBLIC;
