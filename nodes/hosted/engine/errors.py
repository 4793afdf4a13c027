"""The errors a purchase can end in: each is a sentence an artist can act on.

Every error knows what it may have cost (``charge``) and whether the same request may be sent again without asking
(``retryable``), so that one retry policy in one place can decide for every provider.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from typing_extensions import Self

from .money import dollars

Charge = Literal["none", "unsure", "charged"]
"""What is known of the bill: surely nothing, nobody knows, or surely charged."""

Stage = Literal["input", "output"]

_CHARGE_WORDS: dict[Charge, str] = {
    "none": "Nothing was charged.",
    "unsure": "It may have been charged{}.",
    "charged": "It was charged{}.",
}


class EaselError(Exception):
    """Base of every error that Easel raises on purpose.

    ``sentence`` says what happened and what to do; ``words`` are the provider's own; ``request_id`` is what the
    provider's support asks for. ``str(error)`` joins what is there.
    """

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        # The host shows the type with its module, and for a pack that is a path on the user's disk.
        cls.__module__ = "easel"

    charge: Charge = "none"
    retryable: bool = False
    retry_after: float | None = None
    resumable: bool = False
    """Whether the purchase stays open, so that running again goes on with it instead of buying."""
    cost_usd: Decimal | None = None
    """What the provider says that it costs, where it says so and anything was, or may have been, charged."""

    def __init__(
        self,
        sentence: str,
        *,
        words: str = "",
        request_id: str | None = None,
        charge: Charge | None = None,
    ) -> None:
        self.sentence = sentence
        self.words = words.strip()
        self.request_id = request_id
        if charge is not None:
            self.charge = charge
        super().__init__(sentence)

    @property
    def kind(self) -> str:
        """The error's name, as the journal and the editor's error card know it."""
        return type(self).__name__

    def __str__(self) -> str:
        parts = [self.sentence]
        if self.charge != "none":
            price = "" if self.cost_usd is None else f" {dollars(self.cost_usd)}"
            parts.append(_CHARGE_WORDS[self.charge].format(price))
        if self.words:
            parts.append(f"The provider's words: {self.words}")
        if self.request_id:
            parts.append(f"(request id {self.request_id})")
        return " ".join(parts)

    def rewritten(self, rewrite: Callable[[str], str]) -> EaselError:
        """This same error with every text passed through ``rewrite`` (to take secrets out)."""
        self.sentence = rewrite(self.sentence)
        self.words = rewrite(self.words)
        self.args = (self.sentence,)
        return self

    def costing(self, usd: Decimal | None) -> Self:
        """This same error with the price that the provider reported; None where it reported none."""
        self.cost_usd = usd
        return self

    def located(self, where: str) -> EaselError:
        """A copy of this error that begins with ``where``: the error itself may reach several waiters."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin.rewritten(lambda text: f"{where}: {text}" if text == self.sentence else text)


class MissingKey(EaselError):
    """No key for this provider was found anywhere."""


class InvalidKey(EaselError):
    """The provider does not accept the key, or the key is bound to another host."""


class InputRefused(EaselError):
    """A value is not one that the model takes: names the input and what is allowed."""

    def __init__(
        self,
        sentence: str,
        *,
        input_name: str = "",
        words: str = "",
        request_id: str | None = None,
        charge: Charge = "none",
    ) -> None:
        self.input_name = input_name
        super().__init__(sentence, words=words, request_id=request_id, charge=charge)


class ModelRetired(InputRefused):
    """The provider has switched this model off."""


class ContentRejected(EaselError):
    """A content filter refused the prompt, an input picture or the result."""

    def __init__(
        self,
        sentence: str,
        *,
        stage: Stage,
        words: str = "",
        request_id: str | None = None,
        charge: Charge = "none",
    ) -> None:
        self.stage = stage
        super().__init__(sentence, words=words, request_id=request_id, charge=charge)


class RateLimited(EaselError):
    """Too many requests at once; costs nothing and may be sent again after ``retry_after`` seconds."""

    retryable = True

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float | None = None,
        words: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(sentence, words=words, request_id=request_id)
        self.retry_after = retry_after


class QuotaExhausted(EaselError):
    """The account has no credit left, or hit the provider's own spending cap."""


class BudgetExceeded(EaselError):
    """The user's own limit would be passed: says the limit, what is spent, what was asked."""


class ProviderDown(EaselError):
    """The provider cannot serve. ``retryable`` only where it surely took nothing (refused connection, 503)."""

    def __init__(
        self,
        sentence: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        words: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(sentence, words=words, request_id=request_id, charge="none" if retryable else "unsure")
        self.retryable = retryable
        self.retry_after = retry_after


class TimedOut(EaselError):
    """No answer in time, or a connection that broke after the request had left."""

    charge: Charge = "unsure"

    def __init__(self, sentence: str, *, resumable: bool = False) -> None:
        super().__init__(sentence)
        self.resumable = resumable


class ResultLost(EaselError):
    """The provider did the work, and the picture could not be had from it."""

    charge: Charge = "charged"

    def __init__(
        self,
        sentence: str,
        *,
        resumable: bool = False,
        is_gone: bool = False,
        words: str = "",
        request_id: str | None = None,
        charge: Charge | None = None,
    ) -> None:
        super().__init__(sentence, words=words, request_id=request_id, charge=charge)
        self.resumable = resumable
        # The provider itself does not give the picture any more: no waiting brings it back.
        self.is_gone = is_gone


class Stopped(EaselError):
    """The user stopped the run before anything was sent, or the provider stopped the job. Only the engine raises it."""
