"""Opening a model: from the names of files to the host's MODEL, CLIP and VAE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ModelRefused
from .control import control_file
from .headers import read_header
from .parts import TEXT, Part, parts_of, shift_of, text_encoder_of, vae_of
from .text import Encoder, build_encoder
from .transformer import build_transformer
from .vae import SCALE, SHIFT, build_vae
from .variants import config_of, variant_of

_Made = TypeVar("_Made")
_PICTURES = {
    "canny": "edges, white on black",
    "blur": "blurred pictures",
    "depth": "depths, white where it is near",
}


@dataclass(frozen=True)
class Opened:
    """What the host's sockets carry, and what was found, in words."""

    model: Any
    clip: Any
    vae: Any
    report: str


def read_model(path: Path) -> dict[str, Part]:
    """What a model file or a diffusers folder holds, read from headers. Raises ``ModelRefused`` saying what it is instead."""
    return _of(path, parts_of)


def open_model(
    path: Path, parts: Mapping[str, Part], encoders: Mapping[str, Path | None], vae: Path | None, t5_tokens: int
) -> Opened:
    """Open what :func:`read_model` has found.

    ``encoders`` are text encoders in files of their own by their names (clip_l, clip_g, t5xxl); None leaves that one out, and
    one that is not named is taken from the model itself. ``vae`` is a file of its own, or None for the model's. Raises
    ``ModelRefused`` naming the file at fault, what it is and which node takes it.
    """
    from .core.model import as_model
    from .core.text import as_clip
    from .core.vae import as_vae

    config = _of(path, lambda _: config_of(parts["transformer"].header))
    said = parts["transformer"].header.words
    variant = variant_of(config, path.name, *(said.get(f"modelspec.{word}", "") for word in ("title", "architecture")))
    folder = path if path.is_dir() else None
    text = {name: encoder for name in TEXT if (encoder := _encoder(name, path, parts, encoders))}
    autoencoder = _of(vae or path, lambda _: build_vae(_vae(parts, vae)))
    transformer = _of(path, lambda _: build_transformer(parts["transformer"]))
    latents = (autoencoder.scale, autoencoder.shift)
    sample_size = parts["transformer"].settings.get("sample_size", 128)
    model = as_model(
        transformer,
        variant,
        best_side=sample_size * 8,
        shift=None if folder is None else _of(folder, shift_of),
        latents=None if latents == (SCALE, SHIFT) else latents,
    )
    clip = _of(path, lambda _: as_clip(text, config["joint_attention_dim"], config["pooled_projection_dim"], t5_tokens))
    return Opened(model, clip, as_vae(autoencoder), _report(variant.name, transformer.module, text))


def add_lora(model: Any, clip: Any, path: Path, strength: float, clip_strength: float) -> tuple[Any, Any, str]:
    """The model and the text encoders with the LoRA in ``path``, and what matched. Raises ``ModelRefused`` for a strange one."""
    from .core.lora import apply_lora

    patched, spoken, report = _of(
        path, lambda file: apply_lora(model, clip, read_header(file), strength, clip_strength)
    )
    return patched, spoken, f"{path.name}: {report}."


def open_control(path: Path, trained_on: str | None, as_the_host: bool) -> tuple[Any, str]:
    """A CONTROL_NET out of a file or a folder of diffusers', and what it is, in words.

    ``trained_on`` is one of ``control.TRAINED_ON``, nothing for pictures that are taken as they are, or None for what the file
    or its name says. ``as_the_host`` leaves hints and places as the host's own loader has them. Raises ``ModelRefused``.
    """
    from .core.control import as_control_net, size_of

    file = _of(path, control_file)
    kind = file.trained_on if trained_on is None else trained_on
    net = _of(path, lambda _: as_control_net(file, kind, as_the_host))
    pictures = "pictures as they are" if file.reads_words or not kind else _PICTURES[kind]
    unknown = trained_on is None and not kind and not file.reads_words
    doubt = ": its file does not say what it was trained on" if unknown else ""
    blocks = file.config["num_layers"]
    return net, (
        f"A ControlNet for {size_of(file.width)}, {blocks} block{'s' * (blocks > 1)}; takes {pictures}{doubt}."
    )


def _of(path: Path, make: Callable[[Path], _Made]) -> _Made:
    """What ``make`` makes of a file; what is wrong with it is said with its name."""
    try:
        return make(path)
    except ModelRefused as error:
        raise ModelRefused(f'"{path.name}" {error.sentence}') from error


def _encoder(name: str, path: Path, parts: Mapping[str, Part], chosen: Mapping[str, Path | None]) -> Encoder | None:
    if name in chosen:
        own = chosen[name]
        return None if own is None else _of(own, lambda file: build_encoder(name, text_encoder_of(file)))
    if name not in parts:
        return None
    return _of(path, lambda _: build_encoder(name, parts[name], path if path.is_dir() else None))


def _vae(parts: Mapping[str, Part], chosen: Path | None) -> Part:
    return parts["vae"] if chosen is None else vae_of(chosen)


def _report(name: str, module: Any, text: Mapping[str, Encoder]) -> str:
    count = sum(weight.numel() for weight in module.parameters())
    kept = str(module.transformer_blocks[0].ff.net[2].weight.dtype).removeprefix("torch.")
    without = [encoder for encoder in TEXT if encoder not in text]
    words = f"{name}, {count / 1e6:,.0f} million weights kept as {kept}; text encoders: {', '.join(text)}"
    return f"{words} (without {', '.join(without)})." if without else f"{words}."
