"""The VAE: its encoder is written down (see ``encoder.py``), its decoder learns to draw what that says."""

from __future__ import annotations

import copy
import random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from .encoder import CHANNELS, Latents, main_directions, write_into
from .learning import Average, Learner, Settings, reduced, save_half
from .shapes import draw, varied
from .words import random_description

_STEPS, _RATE = 1000, 8e-4
_PASSED = 12
"""Channels through which the flat colour of a patch passes the decoder as it is: pairs of c and -c, beside constants."""
_DIRECTIONS = "directions.pt"


def train(settings: Settings) -> None:
    """The folder ``vae``: 36 dB on drawings of the kind that the model learns from."""
    torch.manual_seed(settings.seed)
    vae = _new()
    sample = varied(256, random.Random(settings.seed), 64)
    directions = main_directions(sample)
    write_into(vae.encoder, directions)
    latents_of = Latents(directions)
    with torch.no_grad():
        gap = (vae.encode(sample[:8]).latent_dist.mean - latents_of(sample[:8])).abs().max()
    print(f"vae: the encoder and its short form differ by at most {gap:.5f}")
    _begin(vae.decoder, latents_of(sample), sample)
    decoder = vae.to(memory_format=torch.channels_last).decoder.train()
    weights = list(decoder.parameters())
    learner = Learner(
        "vae",
        decoder,
        settings,
        steps=_STEPS,
        rate=_RATE,
        matrices=[weight for weight in weights if weight.ndim >= 2],
        others=[weight for weight in weights if weight.ndim < 2],
        muon=1.0,
        warmup=40,
        decay=0.99,
    )
    for step in learner:
        rng = random.Random(settings.seed * 1_000_003 + step)
        small = step < learner.steps * 0.85
        pictures = varied(8 if small else 3, rng, 64 if small else 128)
        latents = latents_of(pictures)
        # So that small errors of the transformer do no harm.
        latents = latents + 0.06 * torch.rand(len(latents), 1, 1, 1) * torch.randn_like(latents)
        with reduced():
            drawn = decoder(latents.contiguous(memory_format=torch.channels_last)).float()
        gap = (drawn - pictures).abs().mean()
        learner.learn(gap + 2 * ((drawn - pictures) ** 2).mean(), shown=gap.item())
    _export(vae, learner.average, directions, settings)


def trained_latents(settings: Settings) -> tuple[Latents, float, float]:
    """The short form of the trained encoder, and its (shift, scale)."""
    from diffusers import AutoencoderKL

    config: Any = AutoencoderKL.load_config(settings.out / "vae")
    directions = torch.load(settings.work / _DIRECTIONS, weights_only=True)
    return Latents(directions), config["shift_factor"], config["scaling_factor"]


def _new() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        latent_channels=CHANNELS,
        block_out_channels=(16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=128,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=1.0,
        shift_factor=0.0,
    )


@torch.no_grad()
def _begin(decoder: Any, latents: Tensor, pictures: Tensor) -> None:
    """Let the decoder begin with one flat colour for each patch; everything finer is learnt."""
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.upsampling import Upsample2D

    for layer in decoder.modules():
        if isinstance(layer, ResnetBlock2D):
            _begin_block(layer)
        elif isinstance(layer, Upsample2D):
            _begin_upsampling(layer)
    decoder.mid_block.attentions[0].to_out[0].weight.mul_(0.1)
    flat = avg_pool2d(pictures, 8).permute(0, 2, 3, 1).reshape(-1, 3)
    to_colour = torch.linalg.lstsq(latents.permute(0, 2, 3, 1).reshape(-1, CHANNELS), flat).solution.T
    weight, bias = decoder.conv_in.weight, decoder.conv_in.bias
    weight[:_PASSED], bias[:_PASSED] = 0, 0
    for colour in range(3):
        weight[4 * colour, :, 1, 1], weight[4 * colour + 1, :, 1, 1] = to_colour[colour], -to_colour[colour]
        bias[4 * colour + 2], bias[4 * colour + 3] = 3.0, -3.0
    _fit_last(decoder, latents, pictures)


def _begin_block(block: Any) -> None:
    block.conv2.weight.mul_(0.5)
    block.conv2.weight[:_PASSED].mul_(0.1)
    nn.init.zeros_(block.conv2.bias)
    if block.conv_shortcut is not None:
        block.conv_shortcut.weight[:_PASSED] = 0
        block.conv_shortcut.weight[:_PASSED, :_PASSED, 0, 0] = torch.eye(_PASSED)
        nn.init.zeros_(block.conv_shortcut.bias)


def _begin_upsampling(layer: Any) -> None:
    layer.conv.weight[:_PASSED] = 0
    nn.init.zeros_(layer.conv.bias)
    own = torch.arange(layer.conv.weight.shape[0])
    layer.conv.weight[own, own, 1, 1] += torch.where(own < _PASSED, 1.0, 0.5)


def _fit_last(decoder: Any, latents: Tensor, pictures: Tensor) -> None:
    """The last layer's least squares, pixel by pixel."""
    seen: list[Tensor] = []
    hook = decoder.conv_out.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    decoder(latents)
    hook.remove()
    given = seen[0].permute(0, 2, 3, 1).flatten(0, 2)
    given = torch.cat([given, torch.ones(len(given), 1)], 1)
    wanted = pictures.permute(0, 2, 3, 1).reshape(-1, 3)
    solved = torch.linalg.solve(given.T @ given + 1e-5 * len(given) * torch.eye(given.shape[1]), given.T @ wanted)
    nn.init.zeros_(decoder.conv_out.weight)
    decoder.conv_out.weight[:, :, 1, 1] = solved[:-1].T
    decoder.conv_out.bias.copy_(solved[-1])


@torch.no_grad()
def _export(vae: Any, average: Average, directions: Tensor, settings: Settings) -> None:
    """The averaged weights; scale and shift such that latents of drawings have no mean and a spread of one."""
    vae = copy.deepcopy(vae).eval()
    vae.decoder.load_state_dict(average.weights)
    rng = random.Random(settings.seed + 77)
    pictures, _ = draw([random_description(rng)[0] for _ in range(256)], rng)
    latents = Latents(directions)(pictures)
    vae.register_to_config(
        scaling_factor=round(1 / latents.std().item(), 4), shift_factor=round(latents.mean().item(), 4)
    )
    drawn = vae.decode(latents[:16]).sample.clamp(-1, 1)
    print(f"vae: {10 * torch.log10(4 / ((drawn - pictures[:16]) ** 2).mean()):.1f} dB")
    save_half(vae, settings.out / "vae")
    torch.save(directions, settings.work / _DIRECTIONS)
