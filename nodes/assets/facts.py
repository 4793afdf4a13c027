"""What is known of a picture that was bought: for captions and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..hosted.engine.money import dollars
from ..pictures import Pixels


@dataclass(frozen=True)
class KnownPicture:
    """One picture and how it came to be; empty and None where it was not bought, or was changed since."""

    picture: Pixels
    prompt: str = ""
    model: str = ""
    cost_usd: float | None = None
    """US dollars: its share of the purchase."""
    seed: int | None = None
    seconds: float | None = None
    sandbox: bool = False

    @property
    def cost(self) -> str:
        """For people; empty where nobody knows."""
        return "" if self.cost_usd is None else dollars(Decimal(str(self.cost_usd)))


def total_cost(pictures: Sequence[KnownPicture]) -> str:
    """What those whose cost is known cost together, for people; empty where it is known of none."""
    costs = [Decimal(str(known.cost_usd)) for known in pictures if known.cost_usd is not None]
    return dollars(sum(costs, Decimal(0))) if costs else ""


def known_from(picture: Pixels, record: dict[str, object] | None) -> KnownPicture:
    """``record`` is the engine's, of the picture with these pixels; None where there is none."""
    if record is None:
        return KnownPicture(picture)
    cost, parameters, count = record["cost_usd"], record["parameters"], record["pictures"]
    share = float(str(cost)) / max(1, int(str(count))) if cost is not None else None
    prompt = parameters.get("prompt", "") if isinstance(parameters, dict) else ""
    seed, seconds = record["seed"], record["seconds"]
    return KnownPicture(
        picture=picture,
        prompt=str(prompt or ""),
        model=str(record["model"]),
        cost_usd=share,
        seed=seed if isinstance(seed, int) else None,
        seconds=seconds if isinstance(seconds, float) else None,
        sandbox=bool(record["sandbox"]),
    )
