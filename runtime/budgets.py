"""Budgets that the runs of a workflow share: taken before the money is spent, settled after.

The journal's writer holds them: a charge that does not fit is refused in the same transaction that would have
written what it pays for, so no number of processes overshoots one.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from licet.audit.records import Charge
from licet.runtime.active import ActiveRun

NANO = Decimal(1_000_000_000)
"""Charges are whole nano-dollars, rounded up when taken."""


def reservation(run: ActiveRun, usd: Decimal, now: datetime) -> tuple[Charge, ...]:
    """What `usd` takes from each shared budget of the run's workflow, in the UTC day of `now`."""
    if not usd:
        return ()
    return tuple(
        Charge(
            budget=f"{run.state.tenant}/{run.workflow.name}/usd/{budget.per}/{now:%Y-%m-%d}",
            amount=_nano(usd),
            limit=_nano(budget.spend),
        )
        for budget in run.workflow.budgets
    )


def settlement(reserved: tuple[Charge, ...], usd: Decimal) -> tuple[Charge, ...]:
    """What is given back (or taken more) once it is known that `usd` was spent. A settlement is never refused."""
    if not reserved:
        return ()
    return tuple(
        Charge(budget=charge.budget, amount=_nano(usd) - charge.amount, limit=None) for charge in reserved
    )


def _nano(usd: Decimal) -> int:
    return int((usd * NANO).to_integral_value(rounding=ROUND_CEILING))
