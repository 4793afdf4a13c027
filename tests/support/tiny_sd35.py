"""A small trained model of Stable Diffusion 3.5's architecture, in every form in which users have such models.

It draws one coloured shape on a coloured ground, 128x128: "a red circle on a blue background".
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

FOLDER = Path(__file__).resolve().parents[1] / "models/tiny-sd35"
"""As diffusers keeps it: weights in fp16."""
STANDS_FOR = "sd3.5_medium.safetensors"
"""The published file that the example workflows name; what a file holds is known by its content."""
LARGE = "sd3.5_large.safetensors"
"""The one that the workflow with a ControlNet names: the published ControlNets are made for it."""

LORA = FOLDER.parent / "tiny-sd35-outline-lora.safetensors"
"""Makes it draw outlines; as diffusers keeps it."""
LORA_NAME = "style.safetensors"

CONTROL = FOLDER.parent / "tiny-sd35-canny"
"""Its ControlNet for edges; as diffusers keeps it, weights in fp16."""
CONTROL_NAME = "sd3.5_large_controlnet_canny.safetensors"
"""The published file that the example workflows name."""

_COPIES = 4
_HEAD = 64
_WORDS = 49408
_SCALE, _SHIFT = 1.5305, 0.0609
"""Of the published family's latents; the small model has its own."""


def lay_into(base: Path) -> None:
    """Put the model, as a checkpoint, its LoRA and its ControlNet where a ComfyUI with that base looks for such files."""
    folders = {name: base / "models" / name for name in ("checkpoints", "loras", "controlnet")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    whole = save(checkpoint(), folders["checkpoints"] / STANDS_FOR)
    shutil.copyfile(whole, whole.with_name(LARGE))
    shutil.copyfile(LORA, folders["loras"] / LORA_NAME)
    save(control_net(), folders["controlnet"] / CONTROL_NAME)


def lay_folder_into(base: Path) -> None:
    """Put the model and its ControlNet where a ComfyUI with that base directory looks for diffusers' folders."""
    shutil.copytree(FOLDER, base / "models/diffusers" / FOLDER.name)
    shutil.copytree(CONTROL, base / "models/controlnet" / CONTROL.name)


def save(weights: Mapping[str, Tensor], path: Path, words: Mapping[str, str] | None = None) -> Path:
    """Write a safetensors file."""
    from safetensors.torch import save_file

    save_file({name: tensor.clone().contiguous() for name, tensor in weights.items()}, path, dict(words or {}))
    return path


def header_only(path: Path, weights: Mapping[str, Tensor], words: Mapping[str, str] | None = None) -> Path:
    """A file of the right size with a true table of contents and no weights."""
    table: dict[str, Any] = {"__metadata__": dict(words or {})}
    end = 0
    for name, weight in weights.items():
        size = weight.numel() * 2
        table[name] = {"dtype": "BF16", "shape": list(weight.shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(table).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


def part(name: str) -> dict[str, Tensor]:
    """The weights of one of the folder's parts."""
    from safetensors.torch import load_file

    return load_file(next((FOLDER / name).glob("*.safetensors")))


def checkpoint() -> dict[str, Tensor]:
    """All of it but T5 in one file, in the original layout, by the published family's rules.

    Those know one vocabulary, heads 64 wide, and one scale of the latents. The text encoders are widened to that by
    repeating their channels, which no norm can tell from the original, and the rest is folded into the weights beside it.
    """
    wide = _wide_encoders()
    net = _reading_wide(part("transformer"), wide)
    found = {f"model.diffusion_model.{name}": value for name, value in original_layout(net).items()}
    for encoder, weights in wide.items():
        found |= {f"text_encoders.{encoder}.transformer.{name}": value for name, value in weights.items()}
    return found | {
        f"first_stage_model.{name}": value for name, value in original_vae(_vae_on_published_scale()).items()
    }


def control_net() -> dict[str, Tensor]:
    """The ControlNet, in one file, for the model in that checkpoint."""
    from safetensors.torch import load_file

    return _reading_wide(load_file(CONTROL / "diffusion_pytorch_model.safetensors"), _wide_encoders())


def _wide_encoders() -> dict[str, dict[str, Tensor]]:
    return {"clip_l": _widened(part("text_encoder"), heads=4), "clip_g": _widened(part("text_encoder_2"), heads=6)}


def original_layout(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The transformer's weights under the names of the original code, q, k and v in one."""
    import torch

    from easel.nodes.local.sd35.layouts import pieces

    fused = {".attn.to_q.": "x_block.attn", ".attn.add_q_proj.": "context_block.attn", ".attn2.to_q.": "x_block.attn2"}
    names = [name for name in weights if not any(mark in name for mark in (".to_k", ".to_v", "_k_proj", "_v_proj"))]
    found: dict[str, Tensor] = {}
    for name in names:
        mark = next((mark for mark in fused if mark in name), None)
        if mark:
            block, _, end = name.partition(mark)
            into = f"{block.replace('transformer_blocks', 'joint_blocks')}.{fused[mark]}.qkv.{end}"
            found[into] = torch.cat([weights[name.replace("_q", f"_{c}")] for c in "qkv"])
        else:
            found[_original_name(name)] = weights[name]
    # Halves that the two layouts have the other way round.
    for piece in pieces(found):
        if piece.swapped:
            found[piece.source] = piece.of(found[piece.source])
    return found


def _original_name(name: str) -> str:
    from easel.nodes.local.sd35 import layouts

    if name == "pos_embed.pos_embed":
        return "pos_embed"
    stem, _, end = name.rpartition(".")
    plain = {theirs: ours for ours, theirs in layouts._PLAIN.items()}
    if stem in plain:
        return f"{plain[stem]}.{end}"
    _, block, rest = stem.split(".", 2)
    inside = {theirs: ours for ours, theirs in layouts._IN_BLOCK.items()}
    return f"joint_blocks.{block}.{inside[rest]}.{end}"


def _reading_wide(weights: dict[str, Tensor], wide: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The transformer or its ControlNet for widened text encoders: it reads the first of the repeated channels."""
    import torch

    left = wide["clip_l"]["text_model.final_layer_norm.weight"].shape[0]
    right = wide["clip_g"]["text_model.final_layer_norm.weight"].shape[0]
    narrow = left // _COPIES, right // _COPIES
    for name, width in (
        ("context_embedder.weight", 4096),
        ("time_text_embed.text_embedder.linear_1.weight", left + right),
    ):
        old = weights[name]
        new = torch.zeros(old.shape[0], width, dtype=old.dtype)
        new[:, : narrow[0]] = old[:, : narrow[0]]
        if name.startswith("time_text_embed."):
            # The published family leaves CLIP-L's projection out; the small one was trained with it.
            new[:, : narrow[0]] = (
                old[:, : narrow[0]].float() @ part("text_encoder")["text_projection.weight"].float()
            ).half()
        new[:, left : left + narrow[1]] = old[:, narrow[0] : sum(narrow)]
        weights[name] = new
    return weights


def _widened(weights: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    """A CLIP of ``heads`` heads of 64, and of the published vocabulary, that says the same."""
    return {name: _wide(name, value.float(), heads) for name, value in weights.items()}


def _wide(name: str, value: Tensor, heads: int) -> Tensor:
    import torch

    had = 4
    if name.endswith("_embedding.weight"):
        rows = _published_vocabulary(value) if ".token_embedding." in name else value
        return torch.cat([rows] * _COPIES, 1).half()
    if any(f".{c}_proj." in name for c in "qkv"):
        # What attention divides by depends on the width of a head.
        value = _padded_heads(value, had, heads) * ((_HEAD * had / value.shape[0]) ** 0.5 if ".q_proj." in name else 1)
    elif ".out_proj.weight" in name:
        return torch.cat([_padded_heads(value.T, had, heads).T] * _COPIES)
    elif ".fc1." not in name:
        value = torch.cat([value] * _COPIES)
    if value.ndim == 1 or ".fc2." in name:
        return value
    # Of the repeated channels the first are read.
    return torch.cat([value, value.new_zeros(value.shape[0], heads * _HEAD - value.shape[1])], 1)


def _padded_heads(value: Tensor, had: int, heads: int) -> Tensor:
    rows = value.reshape(had, -1, *value.shape[1:])
    padded = value.new_zeros(heads, _HEAD, *value.shape[1:])
    padded[:had, : rows.shape[1]] = rows
    return padded.reshape(heads * _HEAD, *value.shape[1:])


def _published_vocabulary(rows: Tensor) -> Tensor:
    """The rows of the small vocabulary at the places that ComfyUI's tokenizer gives these words."""
    import comfy.sd1_clip

    own: dict[str, int] = json.loads((FOLDER / "tokenizer/vocab.json").read_text(encoding="utf-8"))
    vocabulary = Path(comfy.sd1_clip.__file__).parent / "sd1_tokenizer/vocab.json"
    published: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))
    found = rows.new_zeros(_WORDS, rows.shape[1])
    for word, place in own.items():
        if word in published:
            found[published[word]] = rows[place]
    return found


def _vae_on_published_scale() -> dict[str, Tensor]:
    """The VAE, its latents such that the published family's scale and shift bring them to the transformer."""
    settings: dict[str, Any] = json.loads((FOLDER / "vae/config.json").read_text(encoding="utf-8"))
    weights = {name: value.float() for name, value in part("vae").items()}
    factor, shift = settings["scaling_factor"] / _SCALE, settings["shift_factor"]
    weights["encoder.conv_out.weight"][:16] *= factor
    weights["encoder.conv_out.bias"][:16] = (weights["encoder.conv_out.bias"][:16] - shift) * factor + _SHIFT
    first = weights["decoder.conv_in.weight"]
    weights["decoder.conv_in.bias"] += first.sum((1, 2, 3)) * (shift - _SHIFT / factor)
    weights["decoder.conv_in.weight"] = first / factor
    return weights


_VAE_NAMES = (
    ("down_blocks.", "down."),
    (".resnets.", ".block."),
    ("downsamplers.0.", "downsample."),
    ("upsamplers.0.", "upsample."),
    ("mid_block.block.0.", "mid.block_1."),
    ("mid_block.block.1.", "mid.block_2."),
    ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
    ("mid_block.attentions.0.to_q.", "mid.attn_1.q."),
    ("mid_block.attentions.0.to_k.", "mid.attn_1.k."),
    ("mid_block.attentions.0.to_v.", "mid.attn_1.v."),
    ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
    ("conv_shortcut.", "nin_shortcut."),
    ("conv_norm_out.", "norm_out."),
    *((f"up_blocks.{level}.", f"up.{3 - level}.") for level in range(4)),
)


def original_vae(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The VAE's weights under the names of the original code."""
    found = {}
    for name, value in weights.items():
        into = name
        for theirs, original in _VAE_NAMES:
            into = into.replace(theirs, original)
        # There attention is made of convolutions of one pixel.
        found[into] = value[..., None, None] if "attn_1" in into and value.ndim == 2 else value
    return found


PALETTE = {
    "red": (215, 25, 30),
    "green": (25, 150, 50),
    "blue": (25, 55, 215),
    "yellow": (250, 230, 20),
    "purple": (120, 30, 150),
    "white": (250, 250, 250),
}


def colours(picture: npt.NDArray[Any]) -> tuple[str, str]:
    """The colours of the shape and of the ground in a picture (H, W, 3), uint8: in its middle and along its frame."""
    import numpy as np

    height, width = picture.shape[:2]
    middle = picture[height * 7 // 16 : height * 9 // 16, width * 7 // 16 : width * 9 // 16].reshape(-1, 3)
    frame = np.concatenate([picture[:4].reshape(-1, 3), picture[-4:].reshape(-1, 3), picture[:, :4].reshape(-1, 3)])
    return _nearest(np.median(middle, 0)), _nearest(np.median(frame, 0))


def roundness(picture: npt.NDArray[Any]) -> float:
    """How well the shape fills the disc that its bounding box holds: near 1 for a circle, less for anything else."""
    import numpy as np

    pixels = picture.astype(float)
    marked = np.abs(pixels - np.median(pixels[:4].reshape(-1, 3), 0)).sum(2) > 150
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    box = marked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = np.mgrid[: box.shape[0], : box.shape[1]]
    disc = ((y + 0.5) / box.shape[0] - 0.5) ** 2 + ((x + 0.5) / box.shape[1] - 0.5) ** 2 <= 0.25
    return float((box & disc).sum() / (box | disc).sum())


def _nearest(colour: npt.NDArray[Any]) -> str:
    return min(PALETTE, key=lambda name: sum((a - b) ** 2 for a, b in zip(PALETTE[name], colour, strict=True)))
