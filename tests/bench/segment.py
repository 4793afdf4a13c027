"""How long the first click on a picture takes, how long the next ones, and what an 8k picture costs in memory.

Run as ``python tests/bench/segment.py``, on the CPU: vit_b with random weights, since speed does not depend on them, and the
small trained model of the tests. "Package" is ``SamPredictor`` of segment_anything, which gives the same masks.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

from support.pack import load_pack
from support.tiny_sam import MODEL, on_cpu, package_model, scene

load_pack()

CLICKS = 9
SIDE_8K = 8192


def model_of(family: Any) -> Any:
    import torch

    from easel.nodes.local.handle import Handle
    from easel.nodes.local.masks.sam.model import SegmentAnything

    cpu = torch.device("cpu")
    return SegmentAnything(family, Handle(family.module, cpu, cpu), on_cpu)


def click(sam: Any, picture: Any, x: float) -> None:
    from easel.nodes.local.masks.sam.points import Clicks
    from easel.nodes.local.masks.sam.segmenting import BEST, segment

    with sam.on_device():
        segment(sam, picture, Clicks(points=((x, 500.0, 1),)).asked(picture.width, picture.height), BEST)


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def peak_megabytes(call: Callable[[], object]) -> float:
    """The most memory that the process took during the call, above what it had before."""
    process, done, peak = psutil.Process(), threading.Event(), 0
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return peak / 2**20


def main() -> None:
    import torch
    from segment_anything import SamPredictor, sam_model_registry

    from easel.nodes.local.masks.sam.architectures import ARCHITECTURES, PackageFamily
    from easel.nodes.local.masks.sam.files import open_model
    from easel.nodes.pictures import Pixels

    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, 1024x1024")
    picture = Pixels(scene(1024, 1024))
    vit_b = PackageFamily(ARCHITECTURES[0], sam_model_registry["vit_b"]().state_dict())
    for family in (vit_b, open_model(MODEL)):
        sam = model_of(family)
        first = milliseconds(partial(click, sam, picture, 300))
        further = [milliseconds(partial(click, sam, picture, 301 + n)) for n in range(CLICKS)]
        print(f"{family.name:24} first click {first:8.0f} ms, further clicks {statistics.median(further):6.0f} ms")

    large = Pixels(scene(128, 128).repeat(SIDE_8K // 128, 0).repeat(SIDE_8K // 128, 1))
    predictor = SamPredictor(package_model())
    predictor.set_image(large.array)
    ours = peak_megabytes(lambda: click(sam, large, 300))
    package = peak_megabytes(lambda: predictor.predict(np.array([[300.0, 500.0]]), np.array([1])))
    print(f"{SIDE_8K}x{SIDE_8K}, one click: {ours:.0f} MB at most, package {package:.0f} MB")


if __name__ == "__main__":
    main()
