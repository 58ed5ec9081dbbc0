"""Models as a runtime knows them: what a request may cost at most, and what it did cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.usage import RequestUsage

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Priced:
    """A model with a price of its own, for those that genai-prices does not know.

    Attributes:
        model: any pydantic-ai model.
        input: USD for a million input tokens.
        output: USD for a million output tokens.
    """

    model: Model
    input: Decimal
    output: Decimal

    def __init__(self, model: Model, *, input: Decimal | str, output: Decimal | str) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "input", Decimal(input))
        object.__setattr__(self, "output", Decimal(output))
        if min(self.input, self.output) < 0:
            raise ValueError("a price is not negative")


def model_of(registered: Model | Priced) -> Model:
    """The pydantic-ai model itself."""
    return registered.model if isinstance(registered, Priced) else registered


def cost_of(registered: Model | Priced, usage: RequestUsage) -> Decimal | None:
    """What `usage` costs in USD; None when the model has no price.

    The price is the registered one, or that of genai-prices for the model and its provider.
    """
    if isinstance(registered, Priced):
        return (registered.input * usage.input_tokens + registered.output * usage.output_tokens) / MILLION
    from genai_prices import calc_price

    try:
        return calc_price(usage, registered.model_name, provider_id=registered.system).total_price
    except LookupError:
        return None


def most_it_costs(registered: Model | Priced, input_tokens: int, output_tokens: int) -> Decimal | None:
    """The most that a request of this size can cost, in USD; None when the model has no price."""
    from pydantic_ai.usage import RequestUsage

    return cost_of(registered, RequestUsage(input_tokens=input_tokens, output_tokens=output_tokens))
