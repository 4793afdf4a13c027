"""The only door to ComfyUI's own modules: folders, progress, interrupt, blocking, and its web server.

Everything is imported inside the functions, because importing the pack must cost nothing and its plain parts are tested
without a host.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from aiohttp.web import RouteTableDef
    from PIL.Image import Image

_interrupted_run = ""


@dataclass(frozen=True)
class Place:
    """Which run, which node and which item of a list is being executed."""

    run: str
    node: str
    item: int | None


def place() -> Place:
    """Where the calling node stands; empty outside a run."""
    from comfy_execution.utils import get_executing_context

    context = get_executing_context()
    if context is None:
        return Place("", "", None)
    return Place(context.prompt_id, context.node_id, context.list_index)


def node_kinds() -> Mapping[str, type]:
    """Every node class that there is, the host's own and those of all packs, by its id in a prompt."""
    import nodes

    kinds: Mapping[str, type] = nodes.NODE_CLASS_MAPPINGS  # type: ignore[attr-defined]  # it looks at ours
    return kinds


def state_folder() -> Path:
    """``user/__easel``: a folder that the host never serves. Made where it is missing, for its owner only."""
    import folder_paths

    if hasattr(folder_paths, "get_system_user_directory"):
        folder = Path(folder_paths.get_system_user_directory("easel"))
    else:
        folder = Path(folder_paths.get_user_directory()) / "__easel"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def throw_if_interrupted(run: str) -> None:
    """Raises the host's own interrupt where the user has pressed stop, and remembers which run it was."""
    from comfy import model_management

    try:
        model_management.throw_exception_if_processing_interrupted()
    except model_management.InterruptProcessingException:
        global _interrupted_run
        _interrupted_run = run
        raise


def was_interrupted(run: str) -> bool:
    """Whether the user has stopped this run: its other nodes then hear of it only as a cancellation."""
    return run == _interrupted_run


def show_text(node: str, text: str) -> None:
    """A line of text on the node, while it runs; nowhere while only its price is asked."""
    if not node:
        return
    from server import PromptServer

    server = PromptServer.instance
    server.send_progress_text(text, node, server.client_id)


def show_progress(node: str, fraction: float, preview: Image | None = None) -> None:
    """The node's progress bar (0-1), with an unfinished picture where there is one."""
    from comfy.cli_args import args
    from comfy_execution.progress import get_progress_state

    shown = None if preview is None else ("JPEG", preview.convert("RGB"), args.preview_size)
    get_progress_state().update_progress(node, fraction, 1.0, shown)


def blocker(reason: str | None = None) -> Any:
    """A value that stops everything downstream of it; None stops it silently."""
    from comfy_execution.graph import ExecutionBlocker

    return ExecutionBlocker(reason)


def save_place(prefix: str, width: int, height: int) -> tuple[Path, str, int, str]:
    """Where pictures of this prefix go: folder, file name stem, next number, subfolder. Refuses paths that escape."""
    import folder_paths

    output = folder_paths.get_output_directory()
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, output, width, height)
    return Path(folder), stem, counter, subfolder


def output_folder() -> Path:
    """The folder of what workflows make, which the host serves."""
    import folder_paths

    return Path(folder_paths.get_output_directory())


def input_folder() -> Path:
    """The folder of files that users give to workflows."""
    import folder_paths

    return Path(folder_paths.get_input_directory())


def temporary_file(name: str) -> tuple[Path, dict[str, str]]:
    """A file in the folder that the host empties when it starts and ends, and how the editor asks for it."""
    import folder_paths

    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name, {"filename": name, "subfolder": "", "type": "temp"}


def model_folders(kind: str, *also: str) -> list[Path]:
    """Where models of that kind lie, ours first; ``also`` are the names that other packs have given to such folders."""
    import folder_paths

    for name in (kind, *also):
        folder_paths.add_model_folder_path(kind, str(Path(folder_paths.models_dir, name)))
        for path in folder_paths.get_folder_paths(name) if name in folder_paths.folder_names_and_paths else []:
            folder_paths.add_model_folder_path(kind, path)
    return [Path(path) for path in folder_paths.get_folder_paths(kind)]


def model_files(kind: str) -> list[str]:
    """The files in the folders of a kind, by the names that :func:`model_path` takes. The host keeps the listing."""
    import folder_paths

    names: list[str] = folder_paths.get_filename_list(kind)
    return names


def model_path(kind: str, name: str) -> Path | None:
    """The file of that name in the folders of a kind; None where there is none."""
    import folder_paths

    found = folder_paths.get_full_path(kind, name)
    return None if found is None else Path(found)


def devices() -> tuple[torch.device, torch.device]:
    """Where models work, and where they wait."""
    from comfy import model_management

    return model_management.get_torch_device(), model_management.unet_offload_device()


@contextlib.contextmanager
def on_device(model: Any, working_bytes: int) -> Iterator[torch.device]:
    """The device, with ``model`` (a ``local.handle.Handle``) on it and that much free beside it.

    The host moves other models away where it must, and this one later. After an error it is taken off at once.
    """
    from comfy import model_management

    try:
        model_management.load_models_gpu([model], memory_required=working_bytes)
        yield model.load_device
    except BaseException:
        for entry in [entry for entry in model_management.current_loaded_models if entry.model is model]:
            model_management.current_loaded_models.remove(entry)
            entry.model_unload()
        model_management.soft_empty_cache()
        raise


def keeps_metadata() -> bool:
    """Whether the operator lets prompts and workflows be written into files."""
    from comfy.cli_args import args

    return not args.disable_metadata


def file_metadata(prompt: Any, extra: dict[str, Any] | None) -> dict[str, str]:
    """The texts that the host itself writes into its pictures: the prompt, and the editor's workflow."""
    if not keeps_metadata():
        return {}
    texts = {} if prompt is None else {"prompt": json.dumps(prompt)}
    return texts | {name: json.dumps(value) for name, value in (extra or {}).items()}


def routes() -> RouteTableDef | None:
    """The web server's route table; None where there is no server (tests that import the host only)."""
    from server import PromptServer

    table: RouteTableDef | None = None
    with contextlib.suppress(AttributeError):
        table = PromptServer.instance.routes
    return table
