"""The two ways in which files name the weights of the transformer, and the way from the original's to diffusers'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ModelRefused

if TYPE_CHECKING:
    from torch import Tensor

_PLAIN = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "context_embedder": "context_embedder",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
_IN_BLOCK = {
    "x_block.attn.ln_q": "attn.norm_q",
    "x_block.attn.ln_k": "attn.norm_k",
    "x_block.attn.proj": "attn.to_out.0",
    "context_block.attn.ln_q": "attn.norm_added_q",
    "context_block.attn.ln_k": "attn.norm_added_k",
    "context_block.attn.proj": "attn.to_add_out",
    "x_block.attn2.ln_q": "attn2.norm_q",
    "x_block.attn2.ln_k": "attn2.norm_k",
    "x_block.attn2.proj": "attn2.to_out.0",
    "x_block.adaLN_modulation.1": "norm1.linear",
    "context_block.adaLN_modulation.1": "norm1_context.linear",
    "x_block.mlp.fc1": "ff.net.0.proj",
    "x_block.mlp.fc2": "ff.net.2",
    "context_block.mlp.fc1": "ff_context.net.0.proj",
    "context_block.mlp.fc2": "ff_context.net.2",
}
_FUSED = {
    "x_block.attn.qkv": "attn.to_{}",
    "context_block.attn.qkv": "attn.add_{}_proj",
    "x_block.attn2.qkv": "attn2.to_{}",
}
SCALES = {"scale_weight": "scale", "weight_scale": "scale"}
"""What scaled fp8 files call the number that a layer's weights have been divided by, in the older and the newer form."""
NEVER_USED = ("scaled_fp8", ".scale_input", ".input_scale", ".comfy_quant")


class Piece(NamedTuple):
    """One weight as diffusers wants it: which of the file it comes from, which third of it, whether its halves change places."""

    target: str
    source: str
    third: int | None = None
    swapped: bool = False

    def of(self, tensor: Tensor) -> Tensor:
        """Thirds are views of the file; only the two small swapped ones are copies."""
        import torch

        if not tensor.ndim:
            return tensor
        if self.third is not None:
            return tensor.chunk(3)[self.third]
        return torch.cat(tensor.chunk(2)[::-1]) if self.swapped else tensor

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        return whole if self.third is None or not whole else (whole[0] // 3, *whole[1:])


def is_original(names: Iterable[str]) -> bool:
    """Whether the names are those of the original code, not diffusers'."""
    return any(name.startswith("joint_blocks.") for name in names)


def pieces(names: Iterable[str]) -> list[Piece]:
    """How each of diffusers' weights is found in a file with these ``names``. Raises ``ModelRefused`` for a strange one."""
    wanted = [name for name in names if not name.endswith(NEVER_USED)]
    if not is_original(wanted):
        return [Piece(scale_named(name), name) for name in wanted]
    last = max(int(found[1]) for found in (re.match(r"joint_blocks\.(\d+)\.", name) for name in wanted) if found)
    return [piece for name in wanted for piece in _from_original(name, last)]


def scale_named(name: str) -> str:
    """The name of a weight, with ``scale`` at its end where it is a layer's scale."""
    stem, _, end = name.rpartition(".")
    return f"{stem}.{SCALES[end]}" if end in SCALES else name


def _from_original(name: str, last: int) -> list[Piece]:
    stem, _, end = name.rpartition(".")
    end = SCALES.get(end, end)
    if name == "pos_embed":
        return [Piece("pos_embed.pos_embed", name)]
    if stem in _PLAIN:
        # The original has (shift, scale) where diffusers has (scale, shift).
        return [Piece(f"{_PLAIN[stem]}.{end}", name, swapped=stem.startswith("final_layer.adaLN"))]
    block = re.match(r"joint_blocks\.(\d+)\.(.+)$", stem)
    if block is None or block[2] not in (_FUSED | _IN_BLOCK):
        raise ModelRefused(f'has a part that no Stable Diffusion 3.5 has ("{name}").')
    into = f"transformer_blocks.{block[1]}."
    if block[2] in _FUSED:
        return [Piece(f"{into}{_FUSED[block[2]].format(c)}.{end}", name, third) for third, c in enumerate("qkv")]
    # The last block only reads the text: its modulation is a final layer's.
    swapped = int(block[1]) == last and block[2] == "context_block.adaLN_modulation.1"
    return [Piece(f"{into}{_IN_BLOCK[block[2]]}.{end}", name, swapped=swapped)]


def shapes_in_diffusers(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights under diffusers' names."""
    return {piece.target: piece.shape(shapes[piece.source]) for piece in pieces(shapes)}


def original_layers(layers: Iterable[str], last: int) -> dict[str, list[Piece]]:
    """Where each layer of the original code went: its name there to pieces that end in diffusers' names (``layers``).

    ``last`` is the number of the last block.
    """
    plain = {theirs: ours for ours, theirs in _PLAIN.items()}
    inside = {theirs: ours for ours, theirs in _IN_BLOCK.items()}
    fused = {theirs.format(c): ours for ours, theirs in _FUSED.items() for c in "qkv"}
    found: dict[str, list[Piece]] = {}
    for layer in layers:
        block = re.match(r"transformer_blocks\.(\d+)\.(.+)$", layer)
        if block is None:
            name = plain.get(layer)
        else:
            rest = fused.get(block[2]) or inside.get(block[2])
            name = rest and f"joint_blocks.{block[1]}.{rest}"
        if name and name not in found:
            pieces_of_it = _from_original(f"{name}.weight", last)
            found[name] = [piece._replace(target=piece.target.removesuffix(".weight")) for piece in pieces_of_it]
    return found
