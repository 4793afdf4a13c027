"""One JSON line a saved picture, beside the pictures: what it is and how it came to be."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

NAME = "manifest.jsonl"


def append(folder: Path, line: dict[str, Any]) -> None:
    """Add one line to the folder's manifest. A single write in append mode, so lines of several runs never mix."""
    data = json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    handle = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
