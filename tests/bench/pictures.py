"""How long a 1024x1024 picture takes to encode and decode, and how large it gets, beside plain Pillow.

Run as ``python tests/bench/pictures.py``. Ours and Pillow's take turns in one run, on one thread; each figure
is the median. "Plain Pillow" is ``Image.fromarray(array).save(file)`` and ``np.asarray(Image.open(file))``
with its own defaults, but at our quality for JPEG and WebP, so that like stands beside like.
"""

from __future__ import annotations

import importlib
import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, features

SIDE = 1024
RUNS = 15
QUALITY = 95
KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}

Picture = npt.NDArray[np.uint8]


def load_pictures() -> ModuleType:
    """``nodes/pictures.py`` of this checkout, whatever its folder is called, without the rest."""
    folder = Path(__file__).resolve().parents[2] / "nodes"
    package = ModuleType("measured")
    package.__path__ = [str(folder)]
    sys.modules["measured"] = package
    return importlib.import_module("measured.pictures")


def samples() -> dict[str, Picture]:
    """uint8 (SIDE, SIDE, 3|4): slopes with camera noise, the slopes alone, flat areas, and a cut-out."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    slopes = np.stack([np.sin(7 * x) + y, np.cos(5 * y) * x, x * y], axis=-1)
    slopes = 255 * (slopes - slopes.min()) / (slopes.max() - slopes.min())
    noise = np.random.default_rng(0).normal(0, 4, slopes.shape)
    photo = np.clip(slopes + noise, 0, 255).round().astype(np.uint8)
    flat = np.full((SIDE, SIDE, 3), (40, 80, 160), np.uint8)
    flat[300:700, 200:800] = (250, 10, 10)
    hole = np.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.1, 255, 0).astype(np.uint8)
    return {
        "photo": photo,
        "slopes": slopes.round().astype(np.uint8),
        "flat": flat,
        "photo, alpha": np.dstack([photo, hole]),
    }


def side_by_side(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[float, float]:
    """Median milliseconds of each of two calls that take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(2 * RUNS + 2):
        start = time.perf_counter()
        (ours, plain)[run % 2]()
        times[run % 2].append(1000 * (time.perf_counter() - start))
    # The first turn of each only warms up.
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def plain_encode(array: Picture, kind: str) -> bytes:
    file = io.BytesIO()
    extra = {} if kind == "PNG" else {"quality": QUALITY}
    Image.fromarray(array).save(file, kind, **extra)
    return file.getvalue()


def plain_decode(data: bytes) -> Picture:
    return np.asarray(Image.open(io.BytesIO(data)))


def main() -> None:
    """Print one row for each picture and kind of file; the ratios are ours to plain Pillow's."""
    pictures = load_pictures()
    print(f"Pillow {PIL.__version__}, zlib {features.version('zlib')}, {SIDE}x{SIDE}, median of {RUNS} runs")
    print(f"{'':22}{'encode ms':>19}{'':8}{'kB':>19}{'':8}{'decode ms':>19}")
    print(f"{'':22}" + f"{'ours':>9}{'Pillow':>10}{'ratio':>8}" * 3)
    for name, array in samples().items():
        for media_type, kind in KINDS.items():
            if kind == "JPEG" and array.shape[2] == 4:
                continue
            row = measure(pictures, array, media_type)
            cells = "".join(f"{ours:9.1f}{plain:10.1f}{ours / plain:8.2f}" for ours, plain in row)
            print(f"{name + ' ' + kind:22}{cells}")


def measure(pictures: ModuleType, array: Picture, media_type: str) -> list[tuple[float, float]]:
    """(ours, plain Pillow's) for encoding (ms), size (kB) and decoding the same file (ms)."""
    array.flags.writeable = False
    ours, plain = pictures.Pixels(array).encoded(media_type), plain_encode(array, KINDS[media_type])
    # A fresh picture each time: a second encoding of the same one costs nothing.
    encode = side_by_side(
        lambda: pictures.Pixels(array).encoded(media_type, quality=QUALITY),
        lambda: plain_encode(array, KINDS[media_type]),
    )
    decode = side_by_side(lambda: pictures.decode(ours), lambda: plain_decode(ours))
    return [encode, (len(ours) / 1000, len(plain) / 1000), decode]


if __name__ == "__main__":
    main()
