"""Which gateway is spoken to, and how: the operator's choice alone, from the environment or ``settings.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ...engine.errors import EaselError, InputRefused
from ...engine.keys import host_of
from ...engine.toml import read_toml
from ..account import ACCOUNT
from ..handle import Handle
from ..parameters import listed
from ..requests import FollowUp, MidjourneyRequest

Speaks = Literal["tasks", "proxy", "proxy-actions", "piapi"]

OPTION = "gateway"
OPTION_VARIABLE = "EASEL_PROVIDERS__MIDJOURNEY__OPTIONS__GATEWAY"
_STAND_IN = ACCOUNT.address.removeprefix("https:/")
_STAND_IN_SPEAKS = "midjourney-proxy-trueai"
SANDBOX = "sandbox"


class NoGateway(EaselError):
    """No gateway was named: says what to set."""


class Gateway(BaseModel):
    """One row of ``gateways.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    speaks: Speaks
    does: tuple[str, ...]
    pictures: Literal["inline", "links"]
    uploads: bool = False
    speed: Literal["prompt", "filter", "mode"]

    @property
    def title(self) -> str:
        """The label as a sentence begins with it."""
        return f"{self.label[:1].upper()}{self.label[1:]}"


GATEWAYS: Mapping[str, Gateway] = {
    name: Gateway(name=name, **row) for name, row in read_toml(Path(__file__).with_name("gateways.toml")).items()
}
"""Every gateway by the name that an operator sets."""


def gateway_at(address: str, options: Mapping[str, str]) -> Gateway:
    """The gateway that answers at ``address``. Raises :class:`NoGateway` where the operator has not said."""
    names = listed(tuple(GATEWAYS), "or")
    if address == ACCOUNT.address:
        raise NoGateway(
            "Midjourney has no public API, so this node needs a gateway of yours, and none is set. Before ComfyUI starts, "
            f"set {ACCOUNT.address_variable} to its address (http://127.0.0.1:8080/mj, say; on any other machine it must be "
            f"https), {OPTION_VARIABLE} to how it speaks ({names}), and {ACCOUNT.key_variable} to its key. The node's help page "
            "says more. To try this workflow without any, start ComfyUI with EASEL_SANDBOX=1."
        )
    name = options.get(OPTION, "").strip()
    if not name and is_stand_in(address):
        name = _STAND_IN_SPEAKS
    if name not in GATEWAYS:
        said = f"{name!r} is none that Easel knows" if name else "it is not set"
        raise NoGateway(
            f"Easel must know how the Midjourney gateway at {host_of(address)} speaks: set {OPTION_VARIABLE} to {names}; "
            f"now {said}."
        )
    return GATEWAYS[name]


def is_stand_in(address: str) -> bool:
    """Whether ``address`` is where sandbox mode sends the requests of a gateway that nobody named."""
    return address.endswith(_STAND_IN)


def place_of(address: str) -> str:
    """The host that a handle names. Stand-ins come and go with their ports, so they share one name."""
    return SANDBOX if is_stand_in(address) else host_of(address)


def check(request: MidjourneyRequest, gateway: Gateway, address: str) -> None:
    """Raises :class:`InputRefused` unless this gateway can be asked for it, and knows the task that it is about."""
    if isinstance(request, FollowUp):
        _check_origin(request.task, gateway, place_of(address))
    if request.needs in gateway.does:
        return
    what = request.action.label.format(request.asked) if isinstance(request, FollowUp) else request.operation
    able = [other.label for other in GATEWAYS.values() if request.needs in other.does]
    raise InputRefused(f"{gateway.title} cannot do {what}: {listed(able)} can.")


def _check_origin(task: Handle, gateway: Gateway, host: str) -> None:
    if (task.gateway, task.host) != (gateway.name, host):
        raise InputRefused(
            f"This task was made at another gateway ({task.gateway} at {task.host}), and only that one knows it; now "
            f"{gateway.name} at {host} is set. Run the node that made the task again, with another take.",
            input_name="task",
        )
