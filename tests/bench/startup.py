"""What the pack adds to ComfyUI's start, beside a pack that does nothing. Fresh processes, taken in turns.

Of a start that is not the first: Python has kept what it compiled, as it does wherever it is not told otherwise.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5

# What ComfyUI does with a pack, after all that a usual start has imported by then: its own nodes and API nodes.
LOAD = """
import sys
pack, sys.argv = sys.argv[1], ["main.py", "--cpu"]
sys.path.insert(0, sys.path.pop())
import utils.install_util, comfy.options
comfy.options.enable_args_parsing()
import asyncio, importlib.util, time
import execution, nodes, server, app.user_manager
from comfy_api.latest import io
asyncio.run(nodes.init_extra_nodes(init_custom_nodes=False))

async def load():
    spec = importlib.util.spec_from_file_location(pack, pack + "/__init__.py", submodule_search_locations=[pack])
    module = sys.modules[pack] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    extension = await module.comfy_entrypoint()
    for node in await extension.get_node_list():
        node.GET_SCHEMA()

began = time.perf_counter()
asyncio.run(load())
print((time.perf_counter() - began) * 1000)
"""

EMPTY = """
from comfy_api.latest import ComfyExtension

class Empty(ComfyExtension):
    async def get_node_list(self):
        return []

async def comfy_entrypoint():
    return Empty()
"""


def milliseconds(pack: Path, compiled: Path) -> float:
    """How long a fresh host takes to load ``pack``; ``compiled`` is where Python keeps its bytecode."""
    environment = os.environ | {"PYTHONPATH": os.environ["COMFYUI_PATH"], "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", LOAD, str(pack)]
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=tempfile.gettempdir()
    )
    return float(run.stdout.split()[-1])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty"
        empty.mkdir()
        (empty / "__init__.py").write_text(EMPTY, encoding="utf-8")
        compiled = Path(folder) / "compiled"
        first = milliseconds(ROOT, compiled)
        milliseconds(empty, compiled)
        times = [(milliseconds(ROOT, compiled), milliseconds(empty, compiled)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"median of {ROUNDS} starts, ms: Easel {ours:.1f}, an empty pack {theirs:.1f}, added {ours - theirs:.1f}")
    print(f"the very first start, which compiles it: {first:.1f}")


if __name__ == "__main__":
    main()
