"""One wish that several accounts can fulfil: what opens a purchase of it, and how one under way elsewhere is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from .destination import Destination
from .errors import ContentRejected, EaselError, Stopped
from .journal import Opening
from .loop import look_until_done
from .money import to_micros
from .order import Order
from .outcome import Outcome
from .request import Request
from .tickets import CalledOff, Ticket, Tickets


def opening_of(
    request: Request,
    order: Order,
    destination: Destination,
    estimate: Decimal | None,
    names: Sequence[str],
    passed: Sequence[str],
) -> Opening:
    """What the journal is told before the purchase.

    ``names`` are the fingerprints of the wish, the request's own first; ``passed`` the purchases of it, by id, that were
    waited for elsewhere in vain.
    """
    fingerprint, *same_wish = names
    return Opening(
        fingerprint=fingerprint,
        same_wish=tuple(same_wish),
        passed=tuple(passed),
        realm=destination.realm,
        provider=request.provider,
        operation=request.operation,
        model=request.model,
        asked_model=order.asked_model or request.model,
        profile=order.profile,
        address=destination.address,
        run=order.run,
        workflow=order.workflow,
        request=request.parameters(),
        estimate=None if estimate is None else to_micros(estimate),
        summary=request.summary,
    )


async def follow(tickets: Tickets, joined: Ticket, ticket: Ticket) -> Outcome | EaselError:
    """What ``joined`` ends in, for those who wait for ``ticket``; they are shown its progress.

    An error is given back where it leaves the wish to be bought here: it surely cost nothing, and nobody said no.
    :class:`Stopped` means that there was nothing to wait for, and that the journal has to be looked at anew. Raises any
    other, and Stopped once all who waited have left; ``joined`` is then left as each of its own waiters would. Raises
    Stopped at once where ``joined`` itself waits for ``ticket``.
    """

    def look() -> None:
        if ticket.stop.is_set():
            raise Stopped("The run was stopped, and with it what was under way elsewhere, where that can be stopped.")
        ticket.report(joined.watched())

    if joined.waits_for(ticket):
        tickets.leave(joined, on_purpose=False)
        # Who waits for either looks anew, and one of the two is then first.
        raise Stopped("Two ways to the same picture waited for one another.")
    ticket.follows = joined
    try:
        return replace(await look_until_done(joined.future, look), paid_usd=Decimal(0), reused=True)
    except (ContentRejected, CalledOff):
        raise
    except EaselError as error:
        if isinstance(error, Stopped):
            # It may have been called off and have ended between two looks.
            joined.watched()
        if ticket.stop.is_set() or error.resumable or error.charge != "none":
            raise
        return error
    finally:
        ticket.follows = None
        tickets.leave(joined, on_purpose=ticket.stop.is_set())
