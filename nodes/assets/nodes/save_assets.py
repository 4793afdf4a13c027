"""Save Assets: named files, told about and signed, in a place of the operator's, with a line in a manifest for each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ... import host
from ...hosted.sockets import all_pictures, with_alphas
from ...widgets import advanced
from ..choices import (
    ASSET_TYPES,
    AUTOMATIC,
    CREDENTIALS_CHOICES,
    KEEP,
    NAME_FIELDS,
    NEVER,
    OUTPUT,
    SOURCE_CHOICES,
    WHERE_POSSIBLE,
    WORKFLOW_CHOICES,
)
from .shared import CATEGORY, delivered_file, redacting

if TYPE_CHECKING:
    from ...pictures import Pixels
    from ..assets import Asset, Saver, Wish
    from ..credentials import Ingredient
    from ..known import Known

_FIELDS = ", ".join(f"{{{field}}}" for field in NAME_FIELDS)


class EaselSaveAssets(io.ComfyNode):
    """Saves pictures the way an agency keeps them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSaveAssets",
            display_name="Save Assets",
            category=CATEGORY,
            description="Saves pictures under names made of what is known of them, says in each file that AI made it, signs it "
            "where a certificate is set up, and writes a manifest line for each. Bought pictures are recognised by "
            "their pixels. Never overwrites a file. Costs nothing.",
            inputs=[
                io.Image.Input("images", tooltip="The pictures to save."),
                io.String.Input(
                    "filename",
                    default="easel/{date}/{model}_{counter}",
                    tooltip=f"Name of the files; / makes folders. Filled in: {_FIELDS}. {{prompt:40}} takes 40 letters. What is "
                    "not known is left out.",
                ),
                io.String.Input(
                    "title",
                    default="",
                    tooltip="A title for the pictures: {title} in the name, and written into the files.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(ASSET_TYPES),
                    tooltip="png loses nothing; jpeg, webp and avif are smaller. jpeg has no transparency.",
                ),
                io.Int.Input(
                    "quality", default=92, min=1, max=100, tooltip="Quality of jpeg, webp and avif in percent."
                ),
                io.Combo.Input(
                    "workflow",
                    options=WORKFLOW_CHOICES,
                    default=KEEP,
                    tooltip="The workflow, the prompt and the parameters: kept in the picture as ComfyUI does; left out of the "
                    "picture, so that you can hand it on, and kept beside the manifest only; or encrypted in both with "
                    "the operator's passphrase.",
                ),
                io.Combo.Input(
                    "content_credentials",
                    options=CREDENTIALS_CHOICES,
                    default=WHERE_POSSIBLE,
                    tooltip="Sign the pictures with C2PA Content Credentials: which AI made them and from which pictures. Needs "
                    "a certificate that the operator sets up; always stops with an error where there is none.",
                ),
                advanced(
                    io.Combo.Input(
                        "source_type",
                        options=SOURCE_CHOICES,
                        default=AUTOMATIC,
                        tooltip="How the picture came to be, written into the file in the words of the press (IPTC). automatic "
                        "looks at the purchase and the workflow, and says nothing where they tell nothing.",
                    )
                ),
                advanced(
                    io.String.Input(
                        "destination",
                        default=OUTPUT,
                        tooltip="Where the pictures go: output, or the name of a place that the operator has set up, such as a "
                        "bucket. Never a password.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "sidecar",
                        default=False,
                        tooltip="Also write the manifest line as a .json file beside each picture.",
                    )
                ),
                advanced(
                    io.String.Input(
                        "manifest",
                        default="easel/manifest.jsonl",
                        tooltip="The manifest, below ComfyUI's output folder, wherever the pictures go.",
                    )
                ),
                io.Mask.Input(
                    "alpha",
                    optional=True,
                    tooltip="Transparency to save with the pictures (1 = transparent); not for jpeg.",
                ),
                io.Image.Input(
                    "made_from",
                    optional=True,
                    tooltip="The pictures that these were made from, to be named as ingredients. Those of a bought picture are "
                    "known without this.",
                ),
                io.String.Input(
                    "prompt",
                    optional=True,
                    force_input=True,
                    tooltip="The prompt, where the pictures were not bought and the workflow does not show it.",
                ),
            ],
            outputs=[
                io.Image.Output("pictures", display_name="pictures", tooltip="The pictures, unchanged."),
                io.String.Output(
                    "paths",
                    display_name="paths",
                    is_output_list=True,
                    tooltip="The file of each picture, below the destination.",
                ),
                io.String.Output(
                    "manifest_path",
                    display_name="manifest",
                    tooltip="The manifest, below the output folder; connect it to Load from Manifest.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="What was saved, and what could not be told."
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls,
        images: Any,
        filename: str,
        title: str,
        format: str,
        quality: int,
        workflow: str,
        content_credentials: str,
        source_type: str = AUTOMATIC,
        destination: str = OUTPUT,
        sidecar: bool = False,
        manifest: str = "easel/manifest.jsonl",
        alpha: Any = None,
        made_from: Any = None,
        prompt: str | None = None,
    ) -> io.NodeOutput:
        from ..assets import Saver, Wish
        from ..graph import facts_of
        from ..known import cleaned
        from ..settings import AssetSettings

        settings = AssetSettings.load(host.state_folder())
        redact = redacting(settings)
        wish = Wish(
            name=filename,
            format=format,
            quality=quality,
            title=cleaned(title, redact),
            destination=destination,
            workflow=workflow,
            credentials=content_credentials,
            source=source_type,
            sidecar=sidecar,
            manifest=manifest,
        )
        opaque = await all_pictures(images)
        pictures = await with_alphas("alpha", opaque, alpha)
        sources = await _ingredients(await all_pictures(made_from))
        graph = cleaned(cls.hidden.prompt, redact)
        facts = facts_of(graph, str(cls.hidden.unique_id))
        if prompt:
            facts["prompt"] = cleaned(prompt, redact)
        signs = settings.credentials is not None and content_credentials != NEVER
        known = [await _known(picture, facts, sources, redact, signs=signs) for picture in opaque]
        texts = {"prompt": graph, **cleaned(cls.hidden.extra_pnginfo or {}, redact)} if host.keeps_metadata() else {}
        saver = await asyncio.to_thread(Saver, wish, settings, host.output_folder(), texts)
        names = [saver.name(*each, batch) for batch, each in enumerate(zip(pictures, known, strict=True), 1)]
        saved = [await asyncio.to_thread(saver.save, *each) for each in zip(pictures, known, names, strict=True)]
        shown = await asyncio.to_thread(_shown, saver, saved, opaque)
        report = _report(saver, wish, saved, known, bool(texts))
        return io.NodeOutput(
            images,
            [one.path for one in saved],
            manifest,
            report,
            ui={"images": shown, "cost_usd": [one.cost_usd for one in saved], "text": [report]},
        )


async def _ingredients(sources: Sequence[Pixels]) -> list[Ingredient]:
    """The pictures of made_from, as files."""
    from ..credentials import Ingredient

    files = await asyncio.to_thread(lambda: [one.encoded() for one in sources])
    return [
        Ingredient(one.rgb_digest, await _title(one.rgb_digest), file) for one, file in zip(sources, files, strict=True)
    ]


async def _known(
    picture: Pixels,
    facts: dict[str, Any],
    given: Sequence[Ingredient],
    redact: Callable[[str], str],
    *,
    signs: bool,
) -> Known:
    """What the purchase tells of a picture, else what the graph does; with the delivered file where it is to be signed."""
    from ...hosted.buying import engine
    from ..credentials import Ingredient
    from ..known import Known, cleaned, from_purchase, inputs_of

    record = await engine().record_of_pixels(picture.rgb_digest)
    if record is None:
        found = {"known_from": "graph", **facts} if facts else {"known_from": "nothing"}
        return Known(found, None, tuple({one.pixels: one for one in given}.values()))
    record = cleaned(record, redact)
    named = [Ingredient(pixels, await _title(pixels)) for pixels in inputs_of(record)]
    ingredients = {one.pixels: one for one in (*named, *given)}
    file = await delivered_file(picture.rgb_digest) if signs else None
    return Known({"known_from": "purchase", **from_purchase(record)}, record, tuple(ingredients.values()), file)


async def _title(pixels: str) -> str:
    """How an ingredient is called: after what made it, where that is known."""
    from ...hosted.buying import engine

    record = await engine().record_of_pixels(pixels)
    return "" if record is None else f"made by {record['model']} ({record['provider']})"


def _shown(saver: Saver, saved: Sequence[Asset], pictures: Sequence[Pixels]) -> list[dict[str, str]]:
    """What the editor draws on the node: the files themselves, or previews of those that lie elsewhere."""
    if saver.destination.name == OUTPUT:
        places = [Path(one.path) for one in saved]
        return [
            {
                "filename": place.name,
                "subfolder": "" if place.parent == Path() else place.parent.as_posix(),
                "type": OUTPUT,
            }
            for place in places
        ]
    shown = []
    for picture in pictures:
        path, entry = host.temporary_file(f"easel-saved-{secrets.token_hex(6)}.png")
        path.write_bytes(picture.encoded())
        shown.append(entry)
    return shown


def _report(saver: Saver, wish: Wish, saved: Sequence[Asset], known: Sequence[Known], keeps: bool) -> str:
    first = f"{len(saved)} saved to {saver.destination.name}: {saved[0].path}" + (" and more" if len(saved) > 1 else "")
    signed = sum(one.is_signed for one in saved)
    unknown = sum(one.facts.get("known_from") == "nothing" for one in known)
    lines = [
        first,
        f"manifest: {wish.manifest}",
        f"signed with Content Credentials: {signed}" if signed else "",
        f"nothing is known of how {unknown} of them came to be" if unknown else "",
        "" if keeps else "no workflow was written: this ComfyUI runs without metadata",
    ]
    return "\n".join(line for line in lines if line)
