"""How well the small models draw: prompts over the whole grid, the pictures read back, the share that is right.

cd tests && python -m models.training.evaluate --model FOLDER [--check prompts --check controlnet ...]
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .reading import Mask, figure_of, overlap_of, read
from .shapes import PALETTE, SIDE, coverage, distances, paint
from .words import COLOUR_NAMES, HELD_OUT, PLACE_WORDS, PLACES, SEEN, SHAPES, SIZES

_TOGETHER = 8
"""Pictures in a batch."""

Picture = npt.NDArray[np.uint8]
Share = dict[str, float]


@dataclass(frozen=True)
class Wish:
    """What is measured, and how pictures are drawn."""

    model: Path
    control: Path
    lora: Path
    sam: Path
    count: int
    steps: int
    guidance: float
    seed: int


def prompts(wish: Wish) -> dict[str, Share]:
    """The share of prompts of which each word was drawn: combinations seen in training, and those held out."""
    pipeline = _pipeline(wish)
    found = {}
    for name, triples in (("seen", SEEN), ("held out", HELD_OUT)):
        asked = _grid(triples, wish.count, random.Random(wish.seed))
        pictures = _drawn(pipeline, wish, [prompt for prompt, _ in asked])
        hits: dict[str, list[bool]] = {}
        for picture, (_, wanted) in zip(pictures, asked, strict=True):
            seen = read(picture)
            right = {part: getattr(seen, part) == word for part, word in wanted.items()}
            for part, hit in {**right, "all that was said": all(right.values())}.items():
                hits.setdefault(part, []).append(hit)
        found[name] = {part: sum(all_of) / len(all_of) for part, all_of in hits.items()}
    return found


def controlnet(wish: Wish) -> dict[str, Share]:
    """How much what is drawn overlaps with what the edges were taken from, with and without the ControlNet."""
    from diffusers import SD3ControlNetModel, StableDiffusion3ControlNetPipeline

    cv2 = import_module("cv2")
    net = SD3ControlNetModel.from_pretrained(wish.control, torch_dtype=torch.float32)
    pipeline = _pipeline(wish, StableDiffusion3ControlNetPipeline, controlnet=net)
    rng = random.Random(wish.seed)
    scenes = [_scene(rng) for _ in range(wish.count)]
    edges = [cv2.Canny(mask.astype(np.uint8) * 255, 100, 200) for _, mask, _ in scenes]
    shown = torch.from_numpy(np.stack(edges)).float()[:, None].expand(-1, 3, -1, -1) / 127.5 - 1
    found = {}
    for name, strength in (("with", 1.0), ("without", 0.0)):
        pictures = _drawn(
            pipeline,
            wish,
            [prompt for *_, prompt in scenes],
            control_image=shown,
            controlnet_conditioning_scale=strength,
        )
        overlaps = [overlap_of(figure_of(one), mask) for one, (_, mask, _) in zip(pictures, scenes, strict=True)]
        found[name] = {"mean overlap": float(np.mean(overlaps)), "above 0.7": float(np.mean(np.array(overlaps) > 0.7))}
    return found


def lora(wish: Wish) -> Share:
    """How much of the box around each figure is painted: much less of an outline."""
    pipeline = _pipeline(wish)
    solid = [triple for triple in SEEN if SHAPES[triple[0]] in ("circle", "square", "triangle")]
    asked = [
        f"a large {COLOUR_NAMES[colour]} {SHAPES[shape]} on a {COLOUR_NAMES[background]} background"
        for shape, colour, background in random.Random(wish.seed).choices(solid, k=wish.count)
    ]
    without = np.mean([_painted(picture) for picture in _drawn(pipeline, wish, asked)])
    pipeline.load_lora_weights(str(wish.lora.parent), weight_name=wish.lora.name)
    return {"without": float(without), "with": float(np.mean([_painted(one) for one in _drawn(pipeline, wish, asked)]))}


def sam(wish: Wish) -> Share:
    """How much the mask of a point, and that of a box, overlap with the shape."""
    from safetensors.torch import load_file
    from segment_anything import SamPredictor

    from support.tiny_sam import new_package_model

    model = new_package_model()
    model.load_state_dict({name: value.float() for name, value in load_file(wish.sam).items()})
    predictor = SamPredictor(model.eval())
    rng = random.Random(wish.seed)
    by_point, by_box = [], []
    for _ in range(wish.count):
        picture, mask, _ = _scene(rng)
        predictor.set_image(picture)
        rows, columns = np.nonzero(mask)
        one = rng.randrange(len(rows))
        point = np.array([[columns[one] + 0.5, rows[one] + 0.5]])
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        answers, _, _ = predictor.predict(point_coords=point, point_labels=np.array([1]), multimask_output=False)
        by_point.append(overlap_of(answers[0], mask))
        answers, _, _ = predictor.predict(box=box, multimask_output=False)
        by_box.append(overlap_of(answers[0], mask))
    return {"from a point": float(np.mean(by_point)), "from a box": float(np.mean(by_box))}


CHECKS: dict[str, Callable[[Wish], Any]] = {"prompts": prompts, "controlnet": controlnet, "lora": lora, "sam": sam}


def _pipeline(wish: Wish, kind: Any = None, **parts: Any) -> Any:
    from diffusers import StableDiffusion3Pipeline

    made = (kind or StableDiffusion3Pipeline).from_pretrained(wish.model, local_files_only=True, **parts)
    made.set_progress_bar_config(disable=True)
    return made


def _drawn(pipeline: Any, wish: Wish, asked: list[str], **others: Any) -> list[Picture]:
    pictures: list[Picture] = []
    for start in range(0, len(asked), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        seeds = range(wish.seed + start, wish.seed + start + len(asked[part]))
        drawn = pipeline(
            asked[part],
            height=SIDE,
            width=SIDE,
            num_inference_steps=wish.steps,
            guidance_scale=wish.guidance,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            **{name: value[part] if isinstance(value, torch.Tensor) else value for name, value in others.items()},
        ).images
        pictures += [np.asarray(picture.convert("RGB")) for picture in drawn]
    return pictures


def _grid(triples: list[tuple[int, int, int]], count: int, rng: random.Random) -> list[tuple[str, dict[str, str]]]:
    """Prompts in one wording, and the words of each."""
    triples = rng.sample(triples, len(triples))
    found = []
    for number in range(count):
        shape, colour, background = triples[number % len(triples)]
        words = {"shape": SHAPES[shape], "colour": COLOUR_NAMES[colour], "background": COLOUR_NAMES[background]}
        text = f"{words['colour']} {words['shape']}"
        if number % 3:
            words["size"] = rng.choice(SIZES)
            text = f"{words['size']} {text}"
        if number % 2:
            words["place"] = rng.choice(PLACES)
            text += f" {PLACE_WORDS[words['place']][0]}"
        found.append((f"a {text} on a {words['background']} background", words))
    return found


def _scene(rng: random.Random) -> tuple[Picture, Mask, str]:
    """A true drawing of a shape anywhere, its mask, and a prompt for it."""
    shape, colour, background = rng.choice(SEEN + HELD_OUT)
    radius = rng.uniform(0.18, 0.32) * SIDE
    x, y = (rng.uniform(radius + 4, SIDE - radius - 4) for _ in range(2))
    where = torch.tensor([x]), torch.tensor([y]), torch.tensor([radius])
    cover = coverage(distances(torch.tensor([shape]), *where))
    picture = paint(cover, PALETTE[[colour]], PALETTE[[background]])[0]
    words = f"a {COLOUR_NAMES[colour]} {SHAPES[shape]} on a {COLOUR_NAMES[background]} background"
    return ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy(), cover[0].numpy() > 0.5, words


def _painted(picture: Picture) -> float:
    figure = figure_of(picture)
    rows, columns = np.nonzero(figure)
    return float(figure[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].mean()) if len(rows) else 0.0


def main() -> None:
    kept = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=kept / "tiny-sd35")
    parser.add_argument("--control", type=Path, default=kept / "tiny-sd35-canny")
    parser.add_argument("--lora", type=Path, default=kept / "tiny-sd35-outline-lora.safetensors")
    parser.add_argument("--sam", type=Path, default=kept / "tiny-sam.safetensors")
    parser.add_argument("--check", action="append", choices=CHECKS, help="all of them unless given")
    parser.add_argument("--count", type=int, default=60, help="pictures in each set")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    told = vars(parser.parse_args())
    checks = told.pop("check") or CHECKS
    wish = Wish(**told)
    print(json.dumps({name: CHECKS[name](wish) for name in checks}, indent=2))


if __name__ == "__main__":
    main()
