"""diffusers' transformer in the form in which the host's samplers call a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from comfy.ldm.common_dit import pad_to_patch_size
from torch import Tensor, nn

PATCH = 2


class Denoiser(nn.Module):
    """What the host calls ``diffusion_model``: its ControlNets, block patches and odd sizes work on it."""

    def __init__(self, transformer: Any) -> None:
        super().__init__()
        self.transformer = transformer

    @property
    def dtype(self) -> torch.dtype:
        kept: torch.dtype = self.transformer.transformer_blocks[0].ff.net[2].weight.dtype
        return kept

    @property
    def x_embedder(self) -> nn.Module:
        """The host's ControlNets for this family copy these weights."""
        embedder: nn.Module = self.transformer.pos_embed
        return embedder

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor,
        control: Mapping[str, Any] | None = None,
        transformer_options: Mapping[str, Any] | None = None,
        **_others: Any,
    ) -> Tensor:
        """The velocity at ``x`` (B, 16, H/8, W/8), in the same shape."""
        net, options = self.transformer, transformer_options or {}
        replaced = options.get("patches_replace", {}).get("dit", {})
        residuals = (control or {}).get("output") or []
        height, width = x.shape[-2:]
        x = pad_to_patch_size(x, (PATCH, PATCH))
        image = net.pos_embed(x).contiguous()
        vector = net.time_text_embed(timesteps, y.to(x.dtype))
        text = net.context_embedder(context)
        for number, block in enumerate(net.transformer_blocks):
            state = {"img": image, "txt": text, "vec": vector, "transformer_options": options}
            replacement = replaced.get(("double_block", number))
            run = _Block(block)
            out = run(state) if replacement is None else replacement(state, {"original_block": run})
            image, text = out["img"], out["txt"]
            # As the reference does, after every block, the last one too.
            if number < len(residuals) and residuals[number] is not None:
                image = image + residuals[number]
        image = net.proj_out(net.norm_out(image, vector))
        return _to_picture(image, x.shape[-2] // PATCH, x.shape[-1] // PATCH)[:, :, :height, :width]


class _Block:
    """One block in the form that the host's block patches take."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block

    def __call__(self, state: Mapping[str, Any]) -> dict[str, Any]:
        text, image = self.block(hidden_states=state["img"], encoder_hidden_states=state["txt"], temb=state["vec"])
        return {"img": image, "txt": text}


def _to_picture(tokens: Tensor, rows: int, columns: int) -> Tensor:
    count = tokens.shape[0]
    patches = tokens.reshape(count, rows, columns, PATCH, PATCH, -1)
    return torch.einsum("nhwpqc->nchpwq", patches).reshape(count, -1, rows * PATCH, columns * PATCH)
