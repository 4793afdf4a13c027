"""The autoencoder's first half, written down instead of learnt: what an 8x8 patch of each colour is, in six numbers.

The numbers are the moments 1, x, y, xy, x^2 and y^2; the 16 main directions of the 18 (of three colours) become the latent's
channels. As this is linear, latents are well behaved and can be made by one convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

MOMENTS = 6
CHANNELS = 16
_PATCH = 8
_WEIGHTS = (1.0, 0.55, 0.55, 0.4, 0.35, 0.35)
"""How much each moment counts when directions are looked for."""
_ANCHOR = 32.0
_GROUP = 16
_PAIRS = 5
"""Moments in a group of the last norm: each as a pair, beside constants that make the norm's statistics constant."""

# The moments of a patch, out of those of its quarters (x and y point from its middle to theirs): what is made of what.
_MERGE: dict[int, list[tuple[int, float, int, int]]] = {
    0: [(0, 1.0, 0, 0)],
    1: [(1, 0.5, 0, 0), (0, 0.5, 1, 0)],
    2: [(2, 0.5, 0, 0), (0, 0.5, 0, 1)],
    3: [(3, 0.25, 0, 0), (2, 0.25, 1, 0), (1, 0.25, 0, 1), (0, 0.25, 1, 1)],
    4: [(4, 0.25, 0, 0), (1, 0.5, 1, 0), (0, 0.25, 0, 0)],
    5: [(5, 0.25, 0, 0), (2, 0.5, 0, 1), (0, 0.25, 0, 0)],
}
"""Moment: (moment of the quarter, factor, power of the quarter's x, power of its y)."""


def patch_moments() -> Tensor:
    """The weights of a patch's pixels in each moment (6, 8, 8)."""
    grid = (torch.arange(_PATCH) * 2 - 7) / 8
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    within = (1 / 8) ** 2 / 3  # of x^2 inside one pixel
    return torch.stack([torch.ones(_PATCH, _PATCH), x, y, x * y, x * x + within, y * y + within]) / _PATCH**2


def main_directions(pictures: Tensor) -> Tensor:
    """The 16 main directions (16, 18) of the moments of the patches of pictures (N, 3, H, W), colour by colour."""
    kernel = patch_moments()[:, None].repeat(3, 1, 1, 1)
    found = conv2d(pictures, kernel, stride=_PATCH, groups=3).permute(0, 2, 3, 1).reshape(-1, 3 * MOMENTS)
    covariance = found.T @ found / len(found)
    comparable = covariance.diagonal().rsqrt() * torch.tensor(_WEIGHTS).repeat(3)
    _, vectors = torch.linalg.eigh(comparable[:, None] * covariance * comparable)
    directions = vectors.flip(1)[:, :CHANNELS].T * comparable
    largest = directions.abs().argmax(1)
    directions = directions * directions[torch.arange(CHANNELS), largest].sign()[:, None]
    return directions / (found @ directions.T).std(0).sqrt()[:, None]


class Latents:
    """Latents (N, 16, H/8, W/8) of pictures, unscaled: what the encoder below gives, much faster."""

    def __init__(self, directions: Tensor) -> None:
        self.kernel = torch.einsum("zcm,mij->zcij", directions.reshape(CHANNELS, 3, MOMENTS), patch_moments())

    def __call__(self, pictures: Tensor) -> Tensor:
        return conv2d(pictures, self.kernel, stride=_PATCH)


@torch.no_grad()
def write_into(encoder: Any, directions: Tensor) -> None:
    """Set the weights of diffusers' ``Encoder`` so: quarters are merged level by level, all else is silent.

    Before the last norm each moment m travels as a pair of m and -m, so that its activation, silu(m) - silu(-m) = m, is linear.
    """
    _silence(encoder)
    for colour in range(3):
        encoder.conv_in.weight[colour, colour, 1, 1] = 1
    for level in range(3):
        _write_merge(encoder.down_blocks[level].downsamplers[0].conv, level)
    constants = encoder.down_blocks[2].downsamplers[0].conv.bias
    for start in range(0, 4 * _GROUP, _GROUP):
        constants[start + 2 * _PAIRS : start + _GROUP : 2] = _ANCHOR
        constants[start + 2 * _PAIRS + 1 : start + _GROUP : 2] = -_ANCHOR
    spread = _ANCHOR * ((_GROUP - 2 * _PAIRS) / _GROUP) ** 0.5
    encoder.conv_out.bias[CHANNELS:] = -9  # hardly any spread of the latents
    for moment in range(3 * MOMENTS):
        kind, colour = divmod(moment, 3)
        direction = directions[:, colour * MOMENTS + kind] * spread
        encoder.conv_out.weight[:CHANNELS, _pair(moment), 1, 1] = direction
        encoder.conv_out.weight[:CHANNELS, _pair(moment) + 1, 1, 1] = -direction


def _silence(encoder: Any) -> None:
    """Residual branches say nothing; shortcuts pass the first channels on."""
    for block in (*encoder.down_blocks, encoder.mid_block):
        for resnet in block.resnets:
            _zero(resnet.conv2)
            if resnet.conv_shortcut is not None:
                _zero(resnet.conv_shortcut)
                width = resnet.conv_shortcut.weight.shape[1]
                resnet.conv_shortcut.weight[:width, :, 0, 0] = torch.eye(width)
    _zero(encoder.mid_block.attentions[0].to_out[0])
    for layer in (encoder.conv_in, encoder.conv_out):
        _zero(layer)


def _zero(layer: Any) -> None:
    layer.weight.zero_()
    layer.bias.zero_()


def _write_merge(conv: Any, level: int) -> None:
    """A convolution that makes the moments of 2x2 quarters those of their whole. Moment k of colour c is channel 3 k + c."""
    _zero(conv)
    for made, terms in _MERGE.items():
        if level == 0 and made > 3:
            continue  # of two by two pixels, x^2 and y^2 are a third of their mean
        for source, factor, across, down in terms:
            if level == 0 and source in (1, 2, 3):
                continue  # a pixel is flat
            # What a level has not kept is a third of the mean.
            kept, share = (0, factor / 3) if level < 2 and source > 3 else (source, factor)
            for row in range(2):
                for column in range(2):
                    value = share / 4 * (2 * column - 1) ** across * (2 * row - 1) ** down
                    for colour in range(3):
                        _add(conv, 3 * made + colour, 3 * kept + colour, row, column, value, paired=level == 2)


def _add(conv: Any, made: int, source: int, row: int, column: int, value: float, paired: bool) -> None:
    if not paired:
        conv.weight[made, source, row, column] += value
        return
    conv.weight[_pair(made), source, row, column] += value
    conv.weight[_pair(made) + 1, source, row, column] -= value


def _pair(moment: int) -> int:
    """The channel of a moment's first half before the last norm."""
    group, place = divmod(moment, _PAIRS)
    return _GROUP * group + 2 * place
