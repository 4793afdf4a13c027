"""Load from Manifest: a saved picture, and the request that it came from."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ... import host
from .shared import CATEGORY

if TYPE_CHECKING:
    from ..finding import Found

_FARTHEST = 10**9


class EaselLoadFromManifest(io.ComfyNode):
    """Finds a saved picture's request again."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselLoadFromManifest",
            display_name="Load from Manifest",
            category=CATEGORY,
            description="Finds a saved picture again by its file's name or by words, and with it the prompt, seed, model, "
            "parameters and workflow that made it, so that it can be made again or with changes. Costs nothing.",
            inputs=[
                io.String.Input(
                    "manifest",
                    default="easel/manifest.jsonl",
                    tooltip="A manifest below ComfyUI's output folder, as Save Assets and Save Pictures write it.",
                ),
                io.String.Input(
                    "find",
                    default="",
                    tooltip="A file's name or path, or words that must all stand in the line: cat seed:42 model:flux. Empty: "
                    "every picture.",
                ),
                io.Int.Input(
                    "index",
                    default=-1,
                    min=-_FARTHEST,
                    max=_FARTHEST,
                    tooltip="Which of those that fit: 0 is the first saved, -1 the newest, -2 the one before.",
                ),
            ],
            outputs=[
                io.Image.Output("picture", display_name="picture", tooltip="The saved picture."),
                io.Mask.Output("alpha", display_name="alpha", tooltip="Its transparency: 1 is transparent."),
                io.String.Output("prompt", display_name="prompt", tooltip="The prompt; empty where it is not known."),
                io.Int.Output(
                    "seed", display_name="seed", tooltip="The seed. What hangs on this rests where no seed is known."
                ),
                io.String.Output(
                    "model", display_name="model", tooltip="The model that made it; empty where not known."
                ),
                io.String.Output(
                    "parameters", display_name="parameters", tooltip="Everything that was asked for, as JSON."
                ),
                io.String.Output(
                    "workflow", display_name="workflow", tooltip="The workflow as the editor has it, as JSON; or empty."
                ),
                io.String.Output(
                    "api_prompt",
                    display_name="API prompt",
                    tooltip="The workflow as Export (API) gives it, as JSON: what runs without the editor take.",
                ),
                io.String.Output("file", display_name="file", tooltip="The picture's file, below its destination."),
                io.String.Output("report", display_name="report", tooltip="What was found, and how to run it again."),
            ],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, manifest: str | None, **_inputs: object) -> str:
        """Looks again once the manifest has grown."""
        from .. import finding
        from ..problems import AssetProblem

        if manifest is None:
            return ""
        try:
            told = finding.manifest_path(host.output_folder(), manifest).stat()
        except AssetProblem:
            return "none"
        return f"{told.st_size}/{told.st_mtime_ns}"

    @classmethod
    async def execute(cls, manifest: str, find: str, index: int) -> io.NodeOutput:
        from .. import finding
        from ..settings import AssetSettings

        settings = AssetSettings.load(host.state_folder())
        found = await asyncio.to_thread(finding.find, host.output_folder(), manifest, find, index, settings)
        line = found.line
        picture, alpha = await asyncio.to_thread(_decoded, found)
        seed = line.get("seed")
        report = _report(found)
        return io.NodeOutput(
            picture,
            alpha,
            str(line.get("prompt") or ""),
            seed if isinstance(seed, int) else host.blocker("No seed is known of this picture."),
            str(line.get("model") or ""),
            json.dumps(line.get("parameters") or {}, ensure_ascii=False, indent=1, sort_keys=True),
            found.graphs.editor,
            found.graphs.api,
            str(line.get("path") or line["file"]),
            report,
            ui={"text": [report]},
        )


def _decoded(found: Found) -> tuple[Any, Any]:
    from ...pictures import NotAPicture, decode, to_batches
    from ..problems import AssetProblem

    if found.data is None:
        return host.blocker(found.missing), host.blocker(found.missing)
    try:
        images, alphas = to_batches([decode(found.data)])
    except NotAPicture as error:
        raise AssetProblem(f"{found.line['file']} cannot be read any more: {error}") from error
    return images[0], alphas[0]


def _report(found: Found) -> str:
    line = found.line
    made = " · ".join(str(one) for one in (line.get("model") or line.get("made_by"), line.get("prompt")) if one)
    more = f"one of {found.matches} that fit" if found.matches > 1 else ""
    again = _how_to_run_again(found)
    changed = "the file was changed since it was saved" if found.is_changed else ""
    first = f"{line.get('path') or line['file']} · line {found.number}"
    return "\n".join(part for part in (first, more, made, found.missing, changed, again) if part)


def _how_to_run_again(found: Found) -> str:
    if found.graphs.place:
        return f"to run it again, drop {found.graphs.place} onto the canvas"
    if found.graphs.api or found.graphs.editor:
        return "its workflow was encrypted: the sockets give it"
    return "its workflow is not known"
