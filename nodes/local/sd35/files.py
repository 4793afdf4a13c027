"""Which models there are on this machine, and where one belongs that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePath

from ... import host
from ..errors import ModelMissing
from .choices import AUTOMATIC
from .parts import INDEX, TEXT

ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth")
NONE = "none"
NO_LORA = "(there is none in models/loras)"
USUAL = "sd3.5_medium.safetensors"
"""What is offered where no model of the family is there yet."""

USUAL_CONTROL = "sd3.5_large_controlnet_canny.safetensors"
"""What is offered where no ControlNet of the family is there yet."""

_KINDS = ("checkpoints", "diffusion_models")
_FOLDERS = "diffusers"
_MARKS = ("sd3", "sd_3", "diffusion-3")
_FROM = {
    "sd3.5_medium.safetensors": "https://huggingface.co/stabilityai/stable-diffusion-3.5-medium (5 GB)",
    "sd3.5_large.safetensors": "https://huggingface.co/stabilityai/stable-diffusion-3.5-large (16 GB)",
    "sd3.5_large_turbo.safetensors": "https://huggingface.co/stabilityai/stable-diffusion-3.5-large-turbo (16 GB)",
}
_CONTROLS = "controlnet"
_CONTROLS_FROM = "https://huggingface.co/stabilityai/stable-diffusion-3.5-controlnets (4 GB each)"
_IN_FOLDER = "diffusion_pytorch_model"
"""How the weights in a folder of diffusers' are called."""
_ENCODERS_FROM = "https://huggingface.co/Comfy-Org/stable-diffusion-3.5-fp8/tree/main/text_encoders"


def models() -> list[str]:
    """The model files and diffusers folders there are, those that are called like the family first."""
    names = [name for kind in _KINDS for name in host.model_files(kind) if name.endswith(ENDINGS)]
    names += [path.parent.name for folder in host.model_folders(_FOLDERS) for path in sorted(folder.glob(f"*/{INDEX}"))]
    ordered = sorted(dict.fromkeys(names), key=lambda name: not _like_the_family(name))
    return ordered if ordered and _like_the_family(ordered[0]) else [USUAL, *ordered]


def _like_the_family(name: str) -> bool:
    return any(mark in name.lower() for mark in _MARKS)


def model(name: str) -> Path:
    """Where that model is. Raises ``ModelMissing`` saying where to put it."""
    found = _anywhere(name)
    if found is None:
        raise ModelMissing(
            f'There is no "{name}" in models/checkpoints, models/diffusion_models or models/diffusers. {_get(name)}'
        )
    return found


def _anywhere(name: str) -> Path | None:
    for kind in _KINDS:
        if path := host.model_path(kind, name):
            return path
    folders = [folder / name for folder in host.model_folders(_FOLDERS)]
    return next((folder for folder in folders if (folder / INDEX).is_file()), None)


def _get(name: str) -> str:
    if source := _FROM.get(name):
        where = host.model_folders("checkpoints")[0]
        return f"Download it from {source} into {where}, then press R in the editor."
    known = ", ".join(_FROM)
    return f"Put it there, choose one that you have, or download {known} from https://huggingface.co/stabilityai; then press R."


def others(kind: str) -> list[str]:
    """The files of ``text_encoders``, ``vae`` or ``loras``."""
    return [name for name in host.model_files(kind) if name.endswith(ENDINGS)]


def other(kind: str, name: str) -> Path:
    """Where that text encoder, VAE or LoRA is. Raises ``ModelMissing`` saying where to put it."""
    found = host.model_path(kind, name)
    if found is None:
        where = host.model_folders(kind)[0]
        raise ModelMissing(
            f'There is no "{name}" in {where}. Put the file there, or choose another; then press R in the editor.'
        )
    return found


def stamp(path: Path) -> str:
    """Another text once the file, or one in the folder, is another one."""
    members = sorted(member for member in path.rglob("*") if member.is_file()) if path.is_dir() else [path]
    states = [(member, member.stat()) for member in members]
    return "\n".join(f"{member} {now.st_mtime_ns} {now.st_size}" for member, now in states)


def stamps(model_name: str, choices: Mapping[str, str]) -> str:
    """Another text once one of the files is another one that these choices open: of text encoders, and ``vae_name``."""
    wanted: list[Callable[[], Path | None]] = [lambda: model(model_name)]
    wanted += [partial(_beside, slot, choices.get(slot, AUTOMATIC)) for slot in TEXT]
    wanted.append(lambda: vae_for(choices.get("vae_name", AUTOMATIC), ()))
    found = []
    for find in wanted:
        try:
            found.append(find())
        except ModelMissing:
            continue
    return "\n".join(stamp(path) for path in found if path)


def _beside(slot: str, choice: str) -> Path | None:
    return encoder_for(slot, choice, ())[1]


def controls() -> list[str]:
    """The ControlNet files and diffusers folders there are, those that are called like the family first."""
    names = [_folder_or_file(name) for name in host.model_files(_CONTROLS) if name.endswith(ENDINGS)]
    ordered = sorted(dict.fromkeys(names), key=lambda name: not _like_the_family(name))
    return ordered if ordered and _like_the_family(ordered[0]) else [USUAL_CONTROL, *ordered]


def _folder_or_file(name: str) -> str:
    path = PurePath(name)
    return str(path.parent) if path.name.startswith(_IN_FOLDER) and path.parent.name else name


def control(name: str) -> Path:
    """Where that ControlNet is. Raises ``ModelMissing`` saying where to put it."""
    if found := host.model_path(_CONTROLS, name):
        return found
    places = host.model_folders(_CONTROLS)
    for place in places:
        if any((place / name).glob(f"{_IN_FOLDER}*")):
            return place / name
    raise ModelMissing(
        f'There is no "{name}" in {places[0]}. Download it from {_CONTROLS_FROM}, or choose another; then press R in the editor.'
    )


def encoder_for(slot: str, choice: str, held: Iterable[str]) -> tuple[bool, Path | None]:
    """Whether a text encoder comes from somewhere else than the model (which holds ``held``), and from where.

    Raises ``ModelMissing`` where the model has no CLIP and none is found beside it; T5 may be missing.
    """
    if choice == NONE:
        return True, None
    if choice != AUTOMATIC:
        return True, other("text_encoders", choice)
    if slot in held:
        return False, None
    beside = next((name for name in others("text_encoders") if slot in Path(name).name.lower()), None)
    if beside:
        return True, other("text_encoders", beside)
    if slot == TEXT[2]:
        return True, None
    where = host.model_folders("text_encoders")[0]
    raise ModelMissing(
        f"The model's file holds no {slot} text encoder, and there is none in {where}. Download {slot}.safetensors from "
        f'{_ENCODERS_FROM} into it, then press R in the editor; or set {slot} to "{NONE}" to work without.'
    )


def vae_for(choice: str, held: Iterable[str]) -> Path | None:
    """The VAE's file; None where it is the model's own. Raises ``ModelMissing`` where there is none."""
    if choice != AUTOMATIC:
        return other("vae", choice)
    if "vae" in held:
        return None
    beside = next((name for name in others("vae") if _like_the_family(name)), None)
    if beside:
        return other("vae", beside)
    where = host.model_folders("vae")[0]
    raise ModelMissing(
        f"The model's file holds no VAE, and there is none of the family in {where}. Take vae/diffusion_pytorch_model.safetensors "
        "from https://huggingface.co/stabilityai/stable-diffusion-3.5-medium, call it sd3.5_vae.safetensors and put it there; "
        "then press R in the editor."
    )
