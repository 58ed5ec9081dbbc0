"""The shop: customers, orders, payments and refunds in a SQLite database. It knows nothing of Licet.

Money is euros: exact decimals outside, whole cents in the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from licet.runtime.demo.seed import TICKETS, Customer, Ticket, customers

SCHEMA = Path(__file__).with_name("shop.sql")
"""The tables."""


class RefundRefused(Exception):
    """The shop does not pay this back; nothing was paid."""


class AlreadyRefunded(Exception):
    """The shop has a refund under this idempotency key already, and makes no second one."""


@dataclass(frozen=True)
class OrderLine:
    """One line of an order; `price` is for one piece."""

    product: str
    quantity: int
    price: Decimal


@dataclass(frozen=True)
class OrderRecord:
    """An order with what was paid for it and what has been paid back."""

    order_id: str
    customer_id: str
    customer: str
    email: str
    placed: str
    status: str
    method: str
    paid: Decimal
    refunded: Decimal
    lines: tuple[OrderLine, ...]
    notes: tuple[str, ...]

    @property
    def refundable(self) -> Decimal:
        """What is left of the payment."""
        return self.paid - self.refunded


@dataclass(frozen=True)
class Refund:
    """Money that was paid back."""

    refund_id: str
    order_id: str
    amount: Decimal
    idempotency_key: str


class Shop:
    """A shop in the database at `path`. Safe to use from several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def build(cls, path: Path) -> Shop:
        """Make the shop, with all its customers."""
        shop = cls(path)
        with shop._open(create=True) as database:
            database.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + SCHEMA.read_text("utf-8")
            )
            database.execute("BEGIN IMMEDIATE")
            for customer in customers():
                _plant(database, customer)
            database.executemany(
                "INSERT INTO tickets VALUES (?, ?, ?, ?)",
                [(ticket.ticket_id, ticket.customer_id, ticket.subject, ticket.text) for ticket in TICKETS],
            )
            database.execute("COMMIT")
        return shop

    def counts(self) -> dict[str, int]:
        """How many rows there are, by table."""
        tables = ("customers", "orders", "payments")
        with self._open() as database:
            return {
                table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                for table in tables
            }

    def ticket(self, ticket_id: str) -> Ticket | None:
        """What a customer wrote."""
        with self._open() as database:
            row = database.execute(
                "SELECT id, customer, subject, text FROM tickets WHERE id = ?", (ticket_id,)
            ).fetchone()
        return Ticket(*row) if row is not None else None

    def email(self, customer_id: str) -> str | None:
        """Where a customer's mail goes."""
        with self._open() as database:
            row = database.execute("SELECT email FROM customers WHERE id = ?", (customer_id,)).fetchone()
        return str(row[0]) if row is not None else None

    def search(self, customer_id: str, words: str, limit: int = 10) -> list[OrderRecord]:
        """A customer's orders, newest first, in which a product has all the words."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id FROM orders WHERE customer = ? ORDER BY placed DESC, id", (customer_id,)
            ).fetchall()
            orders = [_order(database, row[0]) for row in rows]
        wanted = words.casefold().split()
        return [
            order
            for order in orders
            if order is not None
            and any(all(word in line.product.casefold() for word in wanted) for line in order.lines)
        ][:limit]

    def order(self, order_id: str) -> OrderRecord | None:
        """An order with its lines, notes, payment and refunds."""
        with self._open() as database:
            return _order(database, order_id)

    def refund(self, order_id: str, amount: Decimal, *, idempotency_key: str) -> Refund:
        """Pay back part or all of an order's payment.

        Args:
            amount: in EUR, whole cents.
            idempotency_key: a second refund under the same key is refused.

        Raises:
            AlreadyRefunded: there is a refund under this key.
            RefundRefused: nothing was paid for this order, or not so much is left.
        """
        cents = to_cents(amount)
        if cents is None or cents <= 0:
            raise RefundRefused("a refund is a whole number of cents, and more than none")
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            if _refund(database, idempotency_key) is not None:
                raise AlreadyRefunded("refused, this key has its refund")
            order = _order(database, order_id)
            if order is None:
                raise RefundRefused("there is no payment for this order")
            if order.refundable * 100 < cents:
                raise RefundRefused(f"only {order.refundable} EUR are left of the payment")
            database.execute(
                "INSERT INTO refunds (order_id, cents, idempotency_key) VALUES (?, ?, ?)",
                (order_id, cents, idempotency_key),
            )
            database.execute("COMMIT")
            made = _refund(database, idempotency_key)
        assert made is not None
        return made

    def refund_under(self, idempotency_key: str) -> Refund | None:
        """The refund made under this key, if there is one."""
        with self._open() as database:
            return _refund(database, idempotency_key)

    def refunds(self) -> list[Refund]:
        """Every refund, in the order in which they were made."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id, order_id, cents, idempotency_key FROM refunds ORDER BY id"
            ).fetchall()
        return [Refund(f"R-{row[0]}", row[1], to_euros(row[2]), row[3]) for row in rows]

    def save_draft(self, ticket_id: str, text: str) -> None:
        """Keep a reply for later, in place of an earlier one."""
        with self._open() as database:
            database.execute(
                "INSERT INTO drafts VALUES (?, ?) ON CONFLICT (ticket) DO UPDATE SET text = excluded.text",
                (ticket_id, text),
            )

    @contextmanager
    def _open(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        mode = "rwc" if create else "rw"
        database = sqlite3.connect(
            f"{self._path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=10
        )
        try:
            database.execute("PRAGMA foreign_keys = ON")
            yield database
        finally:
            database.close()


def to_euros(cents: int) -> Decimal:
    """Cents as euros, with two decimals."""
    return Decimal(cents).scaleb(-2)


def to_cents(amount: Decimal) -> int | None:
    """Euros as cents; None when they are no whole number of cents."""
    cents = amount * 100
    return int(cents) if cents == cents.to_integral_value() else None


def _order(database: sqlite3.Connection, order_id: str) -> OrderRecord | None:
    row = database.execute(
        "SELECT o.id, c.id, c.name, c.email, o.placed, o.status, p.method, p.cents,"
        " (SELECT coalesce(sum(cents), 0) FROM refunds r WHERE r.order_id = o.id)"
        " FROM orders o JOIN customers c ON c.id = o.customer JOIN payments p ON p.order_id = o.id WHERE"
        " o.id = ?",
        (order_id,),
    ).fetchone()
    if row is None:
        return None
    lines = database.execute(
        "SELECT product, quantity, price_cents FROM lines WHERE order_id = ? ORDER BY product", (order_id,)
    ).fetchall()
    notes = database.execute(
        "SELECT text FROM notes WHERE order_id = ? ORDER BY position", (order_id,)
    ).fetchall()
    order, customer, name, email, placed, status, method, paid, refunded = row
    return OrderRecord(
        order,
        customer,
        name,
        email,
        placed,
        status,
        method,
        paid=to_euros(paid),
        refunded=to_euros(refunded),
        lines=tuple(OrderLine(product, quantity, to_euros(price)) for product, quantity, price in lines),
        notes=tuple(text for (text,) in notes),
    )


def _refund(database: sqlite3.Connection, idempotency_key: str) -> Refund | None:
    row = database.execute(
        "SELECT id, order_id, cents, idempotency_key FROM refunds WHERE idempotency_key = ?",
        (idempotency_key,),
    ).fetchone()
    return Refund(f"R-{row[0]}", row[1], to_euros(row[2]), row[3]) if row is not None else None


def _plant(database: sqlite3.Connection, customer: Customer) -> None:
    database.execute(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)",
        (
            customer.customer_id,
            customer.name,
            customer.email,
            customer.city,
            customer.country,
            customer.since.isoformat(),
        ),
    )
    for order in customer.orders:
        placed = order.placed.isoformat()
        database.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            (order.order_id, customer.customer_id, placed, order.status),
        )
        database.executemany(
            "INSERT INTO lines VALUES (?, ?, ?, ?)",
            [(order.order_id, line.product, line.quantity, line.price) for line in order.lines],
        )
        database.executemany(
            "INSERT INTO notes VALUES (?, ?, ?)",
            [(order.order_id, position, text) for position, text in enumerate(order.notes)],
        )
        total = sum(line.quantity * line.price for line in order.lines)
        database.execute(
            "INSERT INTO payments VALUES (?, ?, ?, ?)", (order.order_id, total, order.method, placed)
        )
