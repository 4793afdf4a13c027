"""The node that opens a Stable Diffusion 3.5 model."""

from __future__ import annotations

from comfy_api.latest import io

from ....widgets import advanced
from ...errors import ModelMissing
from .. import files
from ..choices import AUTOMATIC
from ..parts import TEXT

CATEGORY = "Easel/Stable Diffusion 3.5"
_T5_TOKENS = {"77, as ComfyUI": 77, "256, as diffusers": 256}


class EaselLoadSd35(io.ComfyNode):
    """Opens a model of the family for every node that takes MODEL, CLIP or VAE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselLoadSd35",
            display_name="Load SD 3.5",
            category=CATEGORY,
            description="Opens Stable Diffusion 3.5 Medium, Large or Large Turbo: one file with everything in it, separate files, "
            "fp8 files or a diffusers folder. What it gives works with all of ComfyUI's own nodes.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=files.models(),
                    tooltip="A file in models/checkpoints or models/diffusion_models, or a folder in models/diffusers. Which "
                    "member of the family it is, is read from the file. Press R after adding one.",
                ),
                *(_encoder_input(name) for name in TEXT),
                io.Combo.Input(
                    "vae_name",
                    options=[AUTOMATIC, *files.others("vae")],
                    tooltip='What turns latents into pixels: "automatic" takes the one in the model\'s file, else a file in '
                    'models/vae with "sd3" in its name.',
                ),
                advanced(
                    io.Combo.Input(
                        "t5_tokens",
                        options=list(_T5_TOKENS),
                        tooltip="To how many tokens T5 fills up a short prompt. It changes the picture a little: 77 gives what "
                        "ComfyUI's own loaders give, 256 what diffusers gives.",
                    )
                ),
            ],
            outputs=[
                io.Model.Output("model", display_name="model", tooltip="For the nodes here, or KSampler and the like."),
                io.Clip.Output(
                    "clip", display_name="clip", tooltip="The text encoders, for CLIP Text Encode and the like."
                ),
                io.Vae.Output("vae", display_name="vae", tooltip="For VAE Decode and VAE Encode."),
                io.String.Output(
                    "report", display_name="report", tooltip="Which model it is, and what was found in it."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, model_name: str | None) -> bool | str:
        """Says that a file is missing before anything in the graph is bought."""
        try:
            if model_name is not None:
                files.model(model_name)
        except ModelMissing as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, model_name: str | None = None, **choices: str) -> str:
        """Opens the files again once one of them is another one."""
        return files.stamps(model_name, choices) if model_name else ""

    @classmethod
    def execute(cls, model_name: str, vae_name: str, t5_tokens: str, **choices: str) -> io.NodeOutput:
        from ..loading import open_model, read_model

        path = files.model(model_name)
        parts = read_model(path)
        chosen = {name: files.encoder_for(name, choice, parts) for name, choice in choices.items()}
        beside = {name: file for name, (elsewhere, file) in chosen.items() if elsewhere}
        opened = open_model(path, parts, beside, files.vae_for(vae_name, parts), _T5_TOKENS[t5_tokens])
        return io.NodeOutput(opened.model, opened.clip, opened.vae, opened.report, ui={"text": [opened.report]})


def _encoder_input(name: str) -> io.Input:
    tooltips = {
        "clip_l": "The first text encoder.",
        "clip_g": "The second text encoder.",
        "t5xxl": "The third and largest text encoder: it follows long prompts and writes letters; without it less memory is used.",
    }
    return io.Combo.Input(
        name,
        options=[AUTOMATIC, files.NONE, *files.others("text_encoders")],
        tooltip=f'{tooltips[name]} "automatic" takes the one in the model\'s file, else a file in models/text_encoders with '
        f'"{name}" in its name.',
    )
