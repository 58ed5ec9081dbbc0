-- The shop's tables. Money is in whole cents of EUR.
CREATE TABLE customers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
    city TEXT NOT NULL, country TEXT NOT NULL, since TEXT NOT NULL
) STRICT;
CREATE TABLE orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, placed TEXT NOT NULL,
    status TEXT NOT NULL
) STRICT;
CREATE INDEX orders_of_customer ON orders (customer, placed);
CREATE TABLE lines (
    order_id TEXT NOT NULL REFERENCES orders, product TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0), price_cents INTEGER NOT NULL CHECK (price_cents > 0),
    PRIMARY KEY (order_id, product)
) STRICT;
CREATE TABLE notes (
    order_id TEXT NOT NULL REFERENCES orders, position INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (order_id, position)
) STRICT;
CREATE TABLE payments (
    order_id TEXT PRIMARY KEY REFERENCES orders, cents INTEGER NOT NULL CHECK (cents > 0),
    method TEXT NOT NULL, paid TEXT NOT NULL
) STRICT;
CREATE TABLE refunds (
    id INTEGER PRIMARY KEY, order_id TEXT NOT NULL REFERENCES payments,
    cents INTEGER NOT NULL CHECK (cents > 0),
    idempotency_key TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE tickets (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers,
    subject TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE TABLE drafts (ticket TEXT PRIMARY KEY REFERENCES tickets, text TEXT NOT NULL) STRICT;
