"""How well hosted work overlaps, and what buying costs beside the provider's own time: against stand-ins, over HTTP."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from support.pack import load_pack

load_pack()

from easel.nodes.hosted.openai.requests import GptImageGenerate
from support.openai_desk import Desk, desk_at
from support.sandbox import SandboxProcess

SECONDS = 2.0
MANY = 8


def asked(name: str) -> GptImageGenerate:
    return GptImageGenerate.build(model="gpt-image-2.5-flare", prompt=name, size="1024x1024", quality="low")


async def timed(desk: Desk, *names: str) -> float:
    """Seconds until all of these pictures are there."""
    began = time.perf_counter()
    await asyncio.gather(*(desk.buy(asked(name)) for name in names))
    return time.perf_counter() - began


async def measure(desk: Desk, sandbox: SandboxProcess) -> None:
    await timed(desk, "warm up")
    plain = [await timed(desk, f"plain {number}") for number in range(7)]
    kept = [await timed(desk, f"plain {number}") for number in range(7)]
    sandbox.latency(SECONDS)
    one = await timed(desk, "one")
    many = await timed(desk, *(f"many {number}" for number in range(MANY)))
    print(f"one picture, bought from a stand-in without latency: {statistics.median(plain) * 1000:.0f} ms")
    print(f"the same picture again, kept: {statistics.median(kept) * 1000:.0f} ms")
    print(f"one picture of {SECONDS:.0f} s: {one:.2f} s; {MANY} of them at once: {many:.2f} s ({many / one:.2f} x)")


def main() -> None:
    os.environ["EASEL_SANDBOX"] = "1"
    sandbox = SandboxProcess().start()
    try:
        with tempfile.TemporaryDirectory() as folder, desk_at(Path(folder), sandbox.url) as desk:
            asyncio.run(measure(desk, sandbox))
    finally:
        sandbox.stop()


if __name__ == "__main__":
    main()
