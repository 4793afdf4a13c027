"""The small Segment Anything: scenes of one to three shapes, asked for by points and boxes."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, mse_loss

from support.tiny_sam import new_package_model

from .learning import Learner, Settings, reduced
from .shapes import PALETTE, SIDE, coverage, distances
from .words import SHAPES

_STEPS, _RATE, _SCENES = 2200, 1e-3, 6
_SMALLEST = 40
"""Pixels that must be seen of a shape for it to be asked for."""


def train(settings: Settings) -> None:
    """The file ``tiny-sam.safetensors``."""
    from safetensors.torch import save_file

    torch.manual_seed(settings.seed + 3)
    sam = new_package_model().train()
    named = dict(sam.named_parameters())
    apart = ("embed", "rel_pos", "token")
    matrices = [name for name, weight in named.items() if weight.ndim == 2 and not any(mark in name for mark in apart)]
    learner = Learner(
        "sam",
        sam,
        settings,
        steps=_STEPS,
        rate=_RATE,
        matrices=[named[name] for name in matrices],
        others=[weight for name, weight in named.items() if name not in matrices],
        warmup=50,
    )
    for step in learner:
        rng = random.Random(settings.seed * 5_000_011 + step)
        scenes = [_scene(rng) for _ in range(_SCENES)]
        embeddings = _embedded(sam, torch.stack([picture for picture, _ in scenes]))
        loss, overlaps = torch.zeros(()), []
        for embedding, (_, masks) in zip(embeddings, scenes, strict=True):
            for kind in ("point", "box") if rng.random() < 0.8 else ("both",):
                # A box around the ground is no question.
                among = masks[1:] or masks if kind == "box" or rng.random() < 0.85 else masks[:1]
                more, overlap = _asked(sam, embedding, [rng.choice(among) for _ in range(2)], kind, rng)
                loss = loss + more / _SCENES
                overlaps.append(overlap)
        learner.learn(loss, shown=sum(overlaps) / len(overlaps))
    half = {name: value.detach().half().contiguous() for name, value in sam.state_dict().items()}
    save_file(half, settings.out / "tiny-sam.safetensors", metadata={"format": "pt"})


def _scene(rng: random.Random) -> tuple[Tensor, list[Tensor]]:
    """A picture (3, H, W), 0 to 255, and what is seen of the ground and of each shape, the ground first."""
    count = rng.choice((1, 1, 2, 3))
    radius = torch.tensor([rng.uniform(0.13, 0.33) * SIDE for _ in range(count)])
    x, y = (torch.tensor([rng.uniform(0.2, 0.8) * SIDE for _ in range(count)]) for _ in range(2))
    distance = distances(torch.tensor([rng.randrange(len(SHAPES)) for _ in range(count)]), x, y, radius)
    chosen = rng.sample(range(len(PALETTE)), count + 1)
    colours = PALETTE[chosen] + torch.tensor([[rng.gauss(0, 0.08) for _ in range(3)] for _ in chosen])
    picture = colours[0][:, None, None].repeat(1, SIDE, SIDE)
    masks = [torch.ones(SIDE, SIDE, dtype=torch.bool)]
    for one, colour in zip(distance, colours[1:], strict=True):
        cover = coverage(one)
        picture = cover * colour[:, None, None] + (1 - cover) * picture
        masks = [*(mask & (one > 0) for mask in masks), one <= 0]
    seen = [mask for mask in masks if mask.sum() > _SMALLEST]
    return ((picture.clamp(-1, 1) + 1) * 127.5).round(), seen


def _embedded(sam: Any, pictures: Tensor) -> Tensor:
    side = sam.image_encoder.img_size
    pictures = interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
    with reduced():
        found: Tensor = sam.image_encoder((pictures - sam.pixel_mean) / sam.pixel_std)
    return found.float()


def _asked(sam: Any, embedding: Tensor, masks: list[Tensor], kind: str, rng: random.Random) -> tuple[Tensor, float]:
    """How wrong the answers for these masks are, and how much the single ones overlap with them."""
    scale = sam.image_encoder.img_size / SIDE
    points = boxes = None
    if kind != "box":
        points = torch.stack([_inside(mask, rng) for mask in masks]) * scale, torch.ones(len(masks), 1)
    if kind != "point":
        boxes = torch.stack([_around(mask, rng) for mask in masks]) * scale
    sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=None)
    answers, quality = sam.mask_decoder.predict_masks(
        image_embeddings=embedding[None],
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
    )
    answers = interpolate(answers, (SIDE, SIDE), mode="bilinear", align_corners=False)
    truth = torch.stack(masks)[:, None].float().expand_as(answers)
    entropy = binary_cross_entropy_with_logits(answers, truth, reduction="none").mean((2, 3))
    chance = answers.sigmoid()
    dice = 1 - (2 * (chance * truth).sum((2, 3)) + 1) / ((chance + truth).sum((2, 3)) + 1)
    wrong = 2 * entropy + dice
    with torch.no_grad():
        found, wanted = answers > 0, truth > 0.5
        overlap = (found & wanted).sum((2, 3)) / (found | wanted).sum((2, 3)).clamp(min=1)
    # The first answer stands alone; of the other three, the best.
    loss = wrong[:, 0].mean() + 0.7 * wrong[:, 1:].amin(1).mean() + 0.1 * wrong[:, 1:].mean()
    return loss + mse_loss(quality, overlap), overlap[:, 0].mean().item()


def _inside(mask: Tensor, rng: random.Random) -> Tensor:
    """A point (1, 2), x and y."""
    pixels = mask.nonzero()
    row, column = pixels[rng.randrange(len(pixels))].tolist()
    return torch.tensor([[column + 0.5, row + 0.5]])


def _around(mask: Tensor, rng: random.Random) -> Tensor:
    """A box (4,) that misses by up to two pixels."""
    rows, columns = mask.nonzero(as_tuple=True)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return torch.tensor([edge.item() + rng.uniform(-2, 2) for edge in edges])
