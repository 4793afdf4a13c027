"""The inputs and outputs that the one-box nodes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ....widgets import advanced
from ..choices import AUTOMATIC
from .sockets import Controls, Loras

if TYPE_CHECKING:
    from ..drawing import Drawn, Wish


def model_inputs() -> list[io.Input]:
    """The three sockets of a model."""
    return [
        io.Model.Input("model", tooltip="From Load SD 3.5, straight or through LoRA and other model nodes."),
        io.Clip.Input("clip", tooltip="From Load SD 3.5."),
        io.Vae.Input("vae", tooltip="From Load SD 3.5."),
    ]


def words_inputs(example: str) -> list[io.Input]:
    """What to draw."""
    return [
        io.String.Input(
            "prompt", multiline=True, default=example, tooltip="What to draw. (word:1.3) makes a word weigh more."
        ),
    ]


def steps_inputs() -> list[io.Input]:
    """How to draw it; what is left at 0 or automatic follows the model."""
    from ..core.sampling import SAMPLERS, SCHEDULERS

    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**64 - 1,
            control_after_generate=True,
            tooltip="The noise that the picture grows out of: the same seed gives the same picture.",
        ),
        io.Int.Input(
            "steps",
            default=0,
            min=0,
            max=1000,
            tooltip="How often the picture is improved. 0 follows the model: 50 for Medium, 40 for Large, 4 for Turbo.",
        ),
        io.Float.Input(
            "cfg",
            default=0.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="How strictly the prompt is followed. 0 follows the model: 5 for Medium, 4.5 for Large, 1 for Turbo.",
        ),
        advanced(
            io.String.Input(
                "negative",
                multiline=True,
                default="",
                tooltip="What to keep out of the picture. Not used where cfg is 1, as with Turbo.",
            )
        ),
        advanced(
            io.Combo.Input(
                "sampler",
                options=[AUTOMATIC, *SAMPLERS],
                tooltip="The way the steps are done; automatic follows the model.",
            )
        ),
        advanced(
            io.Combo.Input(
                "scheduler",
                options=[AUTOMATIC, *SCHEDULERS],
                tooltip="How the noise is shared out; automatic follows the model.",
            )
        ),
    ]


def denoise_input(usual: float, tooltip: str) -> io.Input:
    """How much is drawn anew."""
    return io.Float.Input("denoise", default=usual, min=0.0, max=1.0, step=0.01, tooltip=tooltip)


def stack_inputs(follows: str = "what each of them follows is brought to the size that is drawn.") -> list[io.Input]:
    """LoRAs and ControlNets. They stand last: saved workflows know the other inputs by their places."""
    return [
        Loras.Input("loras", optional=True, tooltip="From SD 3.5 LoRA Stack: each is added with its own strength."),
        Controls.Input("controls", optional=True, tooltip=f"From SD 3.5 ControlNet Stack: {follows}"),
    ]


def outputs() -> list[io.Output]:
    return [
        io.Image.Output("images", display_name="images", tooltip="The pictures."),
        io.Latent.Output(
            "latent", display_name="latent", tooltip="The pictures before the VAE, for KSampler and the like."
        ),
        io.String.Output("used", display_name="used", tooltip="The size, seed, steps and sampler that were used."),
    ]


def wish_of(inputs: dict[str, Any]) -> Wish:
    from ..drawing import Wish

    names = ("prompt", "negative", "seed", "steps", "cfg", "sampler", "scheduler", "loras", "controls")
    return Wish(**{name: inputs[name] for name in names if name in inputs})


def output_of(drawn: Drawn) -> io.NodeOutput:
    latents = {"samples": drawn.latents}
    if drawn.noise_mask is not None:
        latents["noise_mask"] = drawn.noise_mask
    return io.NodeOutput(drawn.images, latents, drawn.used, ui={"text": [drawn.used]})
