"""From a ControlNet's weights to the host's CONTROL_NET, and onto CONDITIONINGs."""

from __future__ import annotations

import importlib
import math
import weakref
from collections.abc import Callable
from copy import copy
from typing import Any

import comfy.controlnet
import comfy.model_base
import torch
from comfy.cldm.dit_embedder import ControlNetEmbedder
from comfy.controlnet import ControlNet, ControlNetSD35
from torch import Tensor

from ...errors import WishRefused
from ..choices import TRAINED_ON
from ..control import ControlFile

_SIZES = {1536: "Medium", 2432: "Large"}
_RAW = {"canny": (63.75, 0.75)}
"""Of pixels 0-1, such that the VAE (which takes 2 p - 1 of what it is given) sees what the net was trained on.

Edges were given to it as 127.5 p + 0.5 without that step; the host's own loader gives 255 p.
"""


class _ForThisModel(ControlNet):
    """A net that says so where it is joined to a model of another size."""

    latent_format: Any

    def pre_run(self, model: Any, percent_to_timestep_function: Any) -> None:
        """Raises ``WishRefused``."""
        if not isinstance(model, comfy.model_base.SD3):
            raise WishRefused(
                "This ControlNet is made for Stable Diffusion 3.5: connect the model of Load SD 3.5, not that of another family."
            )
        net, drawing = self.control_model.hidden_size, model.diffusion_model.x_embedder.proj.weight.shape[0]
        if net != drawing:
            raise WishRefused(
                f"This ControlNet is made for {size_of(net)}, and the model is {size_of(drawing)}: take one that was made for it."
            )
        shifted = self.latent_format.shift_factor != 0
        # Of the model's own VAE, which need not be the published one; nets that read words leave the shift out.
        self.latent_format = copy(model.latent_format)
        self.latent_format.shift_factor *= shifted
        super().pre_run(model, percent_to_timestep_function)

    def copy(self) -> Any:
        """The host copies a net each time it is applied."""
        made = super().copy()
        made.__class__ = type(self)
        return made


class _Published(_ForThisModel, ControlNetSD35):
    """A net that takes the embedding of patches from the model."""


class _AsTrained(_Published):
    """A net whose patches have the places that the model's own table gives them; the host's has other ones."""

    def pre_run(self, model: Any, percent_to_timestep_function: Any) -> None:
        super().pre_run(model, percent_to_timestep_function)
        # Weak, so that the net does not hold the model: after a run that fails the host does not clean up.
        self.control_model.drawing = weakref.ref(model.diffusion_model)


class _Embedder(ControlNetEmbedder):
    """The host's module, whose patches have the places of those of the model that is ``drawing``."""

    drawing: Callable[[], Any] = staticmethod(lambda: None)

    def forward(
        self, x: Tensor, timesteps: Tensor, y: Tensor, context: Tensor | None = None, hint: Tensor | None = None
    ) -> dict[str, Any]:
        places = _table_of(self.drawing())
        rows, columns = ((side + 1) // self.patch_size for side in x.shape[-2:])
        x = self.x_embedder(x) + _cropped(places, rows, columns).to(x) + self.pos_embed_input(hint)
        vector = self.t_embedder(timesteps, dtype=x.dtype) + self.y_embedder(y)
        times = math.ceil(self.main_model_double / len(self.transformer_blocks))
        found: list[Tensor] = []
        for block, out in zip(self.transformer_blocks, self.controlnet_blocks, strict=True):
            x = block(x, vector)
            found += [out(x)] * times
        return {"output": found}


def as_control_net(file: ControlFile, trained_on: str, as_the_host: bool) -> Any:
    """A CONTROL_NET, on the CPU until the host loads it.

    ``trained_on`` is one of ``TRAINED_ON``, or nothing for a picture that is taken as it is. ``as_the_host`` gives what the
    host's own loader gives for a published file; otherwise hints and places are those that the net was trained with.
    """
    weights: dict[str, Tensor] = file.weights()
    if not file.reads_words and trained_on:
        weights["control_type"] = torch.tensor(TRAINED_ON.index(trained_on))
    net: Any = comfy.controlnet.load_controlnet_state_dict(weights)
    if file.reads_words:
        net.__class__ = _ForThisModel
        return net
    net.__class__ = _Published if as_the_host else _AsTrained
    if not as_the_host:
        net.control_model.__class__ = _Embedder
        if trained_on in _RAW:
            net.preprocess_image = _Line(*_RAW[trained_on])
    return net


def apply(
    positive: Any, negative: Any, net: Any, picture: Tensor, vae: Any, strength: float, start: float, end: float
) -> tuple[Any, Any]:
    """What the host's own node "Apply ControlNet" does, by that node: ``picture`` is (B, H, W, 3)."""
    node: Any = importlib.import_module("nodes").NODE_CLASS_MAPPINGS["ControlNetApplyAdvanced"]()
    found = node.apply_controlnet(positive, negative, net, picture, strength, start, end, vae=vae)
    return found[0], found[1]


def size_of(width: int) -> str:
    """The member of the family by the width of its blocks."""
    return f"Stable Diffusion 3.5 {_SIZES[width]}" if width in _SIZES else f"a model of width {width}"


class _Line:
    """factor * pixels + shift."""

    def __init__(self, factor: float, shift: float) -> None:
        self.factor, self.shift = factor, shift

    def __call__(self, pixels: Tensor) -> Tensor:
        return pixels * self.factor + self.shift


def _table_of(model: Any) -> Tensor:
    """The places of patches (1, side * side, width) in a model of ours, or of the host's own."""
    table: Tensor = model.transformer.pos_embed.pos_embed if hasattr(model, "transformer") else model.pos_embed
    return table


def _cropped(table: Tensor, rows: int, columns: int) -> Tensor:
    """Its middle, as the model itself takes it: (1, rows * columns, width)."""
    side = math.isqrt(table.shape[1])
    top, left = (side - rows) // 2, (side - columns) // 2
    square = table.reshape(1, side, side, -1)[:, top : top + rows, left : left + columns]
    return square.reshape(1, rows * columns, -1)
