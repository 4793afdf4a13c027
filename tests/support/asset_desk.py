"""Saving without a ComfyUI: a picture, what is known of it, and what stands in the saved files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from easel.nodes.assets.assets import Saver, Wish
from easel.nodes.assets.known import Known, from_purchase
from easel.nodes.assets.settings import AssetSettings
from easel.nodes.pictures import Pixels

GRAPH = {"1": {"class_type": "EaselFluxGenerate", "inputs": {"prompt": "a red cat", "seed": 42}}}
TEXTS = {"prompt": GRAPH, "workflow": {"nodes": [{"id": 1, "type": "EaselFluxGenerate"}], "version": 0.4}}
RECORD = {
    "purchase": "5f" * 16,
    "fingerprint": "ab" * 32,
    "sandbox": False,
    "provider": "bfl",
    "operation": "generate",
    "model": "flux-2-pro",
    "asked_model": "flux-2-pro",
    "parameters": {"prompt": "a red cat", "seed": 42, "model": "flux-2-pro"},
    "take": 0,
    "seed": 42,
    "seed_honoured": True,
    "job": {"id": "job-1"},
    "request_id": "req-1",
    "bought_at": 1_780_000_000.0,
    "seconds": 4.2,
    "cost_usd": 0.08,
    "cost_source": "reported",
    "pictures": 2,
    "run": "run-1",
    "workflow": "cd" * 32,
    "revised_prompt": "",
}
BOUGHT = Known({"known_from": "purchase", **from_purchase(RECORD)}, RECORD)
UNKNOWN = Known({"known_from": "nothing"})


def picture(shade: int = 200, alpha: bool = False) -> Pixels:
    """48x32 pixels in a soft gradient; another shade is another picture."""
    rows = np.linspace(0, 255, 32).astype(np.uint8)[:, None].repeat(48, axis=1)
    layers = [np.full_like(rows, shade), rows, 255 - rows]
    return Pixels(np.dstack([*layers, rows] if alpha else layers))


def save(folder: Path, settings: AssetSettings | None = None, known: Known = BOUGHT, **wish: Any) -> Path:
    """Save one picture into ``folder`` as output folder; its file."""
    saver = Saver(Wish(**{"name": "shots/{model}_{counter}"} | wish), settings or AssetSettings(), folder, TEXTS)
    shown = picture()
    return folder / saver.save(shown, known, saver.name(shown, known, 1)).path


def lines(folder: Path, name: str = "easel/manifest.jsonl") -> list[dict[str, Any]]:
    """The manifest."""
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def xmp(data: bytes) -> dict[str, str]:
    """Properties of the XMP packet as Pillow finds it in the file, by their names without namespace."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        found = opened.info.get("xmp")
    if not found:
        return {}
    root = ElementTree.fromstring(found.decode() if isinstance(found, bytes) else found)
    (about,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    return {one.tag.rpartition("}")[2]: "".join(one.itertext()) for one in about}
