"""Whether a provider takes a key, found out by a call that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .engine import wire
from .engine.account import Account
from .engine.errors import EaselError, InvalidKey, MissingKey
from .engine.provider import Call

if TYPE_CHECKING:
    from .engine.engine import Engine

_SANDBOX = "Sandbox mode is on: keys are not used, and no provider is asked anything. Switch it off to test a key."


@dataclass(frozen=True)
class Tried:
    """What a test found: ``ok`` is None where nobody can say."""

    ok: bool | None
    says: str


async def try_key(engine: Engine, name: str, profile: str) -> Tried:
    """Try the key of the provider ``name`` in a profile. Never raises for what a provider or the network does."""
    account = engine.providers[name].account
    if engine.settings().sandbox:
        return Tried(None, _SANDBOX)
    if not account.free_call:
        return Tried(None, f"{account.label} has no call that costs nothing: the first picture will tell.")
    try:
        answer = await engine.consult(name, profile, lambda call: _ask(account, call))
    except (MissingKey, InvalidKey) as error:
        return Tried(False, str(error))
    except EaselError as error:
        return Tried(None, str(error))
    return _read(account, answer)


async def _ask(account: Account, call: Call) -> wire.Answer:
    headers = {account.key_header: account.key_scheme + call.key.reveal()}
    return await wire.ask(call.http, "GET", f"{call.address}/{account.free_call}", headers=headers)


def _read(account: Account, answer: wire.Answer) -> Tried:
    if answer.status == 200 and answer.is_json:
        return Tried(True, f"{account.label} takes this key.")
    if answer.status in (401, 403):
        return Tried(False, f"{account.label} does not accept this key.")
    if answer.status == 402:
        return Tried(True, f"{account.label} takes this key, but the account has no credit left.")
    if answer.status == 429:
        return Tried(None, f"{account.label} is being asked too often: try again in a moment.")
    return Tried(None, f"{account.label} answered with something else (HTTP {answer.status}), so nobody knows.")
