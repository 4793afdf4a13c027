"""Layers that the host can move, stream and patch one by one, in place of torch's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import comfy.float
import comfy.ops
import torch
from torch import Tensor, nn


class ScaledLinear(comfy.ops.manual_cast.Linear):
    """A layer whose fp8 weights have been divided by ``scale_weight``."""

    weight: Tensor
    scale_weight: Tensor

    def forward(self, input: Tensor) -> Tensor:
        # The scale is one number, so the small input may carry it instead of the large weight.
        return super().forward(input * self.scale_weight.to(input))

    def convert_weight(self, weight: Tensor, inplace: bool = False, **_others: Any) -> Tensor:
        """What the host's patches (LoRAs) are added to."""
        return weight.float() * self.scale_weight.to(weight.device)

    def set_weight(
        self, weight: Tensor, inplace_update: bool = False, seed: int = 0, return_weight: bool = False, **_others: Any
    ) -> Tensor | None:
        """Take a patched weight back; ``return_weight`` is for a layer that is being streamed and keeps its own."""
        rounded = comfy.float.stochastic_rounding(weight / self.scale_weight.to(weight), self.weight.dtype, seed=seed)
        if return_weight:
            return rounded
        if inplace_update:
            self.weight.data.copy_(rounded)
        else:
            self.weight = nn.Parameter(rounded, requires_grad=False)
        return None


def offloadable(module: nn.Module, scales: Mapping[str, Tensor], working: torch.dtype) -> bool:
    """Turn the layers of ``module`` into the host's, without touching their weights.

    ``working`` is what is computed in. Returns whether weights are kept in another form than that.
    """
    kept = {weight.dtype for weight in module.parameters()}
    casts = kept != {working}
    ops = comfy.ops.manual_cast if casts else comfy.ops.disable_weight_init
    classes = {nn.Linear: ops.Linear, nn.Conv2d: ops.Conv2d, nn.GroupNorm: ops.GroupNorm}
    for name, layer in module.named_modules():
        if name in scales:
            scaled(layer, scales[name])
        elif type(layer) in classes:
            layer.__class__ = classes[type(layer)]
        else:
            # Norms decide what attention is computed in, so none may be left in another form.
            for weight in layer.parameters(recurse=False):
                weight.data = weight.data.to(working)
        for table, value in layer._buffers.items():
            if value is not None and value.dtype.itemsize == 1:
                layer._buffers[table] = value.to(working)
    return casts


def scaled(layer: nn.Module, scale: Tensor) -> None:
    """Turn a linear layer into one whose weights are divided by ``scale``."""
    layer.__class__ = ScaledLinear
    layer.register_buffer("scale_weight", scale, persistent=False)


def keep_small_leaves_on_device(patcher: Any, device: torch.device, *_others: Any) -> None:
    """Called when the host has loaded a model, in whole or in part: norms and tables cannot be streamed, and are small."""
    for place, layer in patcher.model.named_modules():
        if getattr(layer, "resting", False):
            continue
        if not hasattr(layer, "comfy_cast_weights"):
            for name in layer._parameters:
                # Where there was no room for such a layer the host has left out its patches (LoRAs) too.
                if (key := f"{place}.{name}") in patcher.patches and key not in patcher.backup:
                    patcher.patch_weight_to_device(key, device_to=device)
                    layer.comfy_patched_weights = True
            for weight in layer.parameters(recurse=False):
                weight.data = weight.data.to(device)
        for name, table in layer._buffers.items():
            if table is not None:
                layer._buffers[name] = table.to(device)
