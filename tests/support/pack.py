"""Import the pack under one fixed name, whatever its folder is called."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def load_pack() -> ModuleType:
    """The pack as `easel`, the way ComfyUI loads it: from its folder, not from sys.path."""
    if "easel" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "easel", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None and spec.loader is not None
        sys.modules["easel"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["easel"])
    return sys.modules["easel"]
