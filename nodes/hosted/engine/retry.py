"""The one retry policy: what may be sent again by itself, after which pause, and for how long."""

from __future__ import annotations

from tenacity import RetryCallState, wait_exponential, wait_random

from .errors import EaselError, ProviderDown, RateLimited, TimedOut

RETRY_FOR = 300.0
"""Seconds of pauses in which refused connections and throttles are waited out."""
PASSING = (RateLimited, ProviderDown, TimedOut)
"""What another look at a job may mend; a look costs nothing."""
backoff = wait_exponential(multiplier=0.4, max=20.0) + wait_random(0.0, 0.4)


def costs_nothing(error: BaseException) -> bool:
    """Whether the request surely was not taken, so that sending it again cannot buy twice."""
    return isinstance(error, EaselError) and error.retryable


def pause(state: RetryCallState) -> float:
    """Backoff with jitter, never shorter than what the provider asked for."""
    error = error_of(state)
    return max(backoff(state), (error.retry_after if error else None) or 0.0)


def paused_enough(state: RetryCallState) -> bool:
    """Whether the next pause would pass the limit; time spent in a queue or in a request does not count."""
    return state.idle_for + state.upcoming_sleep > RETRY_FOR


def error_of(state: RetryCallState) -> EaselError | None:
    """The error that the last attempt ended in."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, EaselError) else None
