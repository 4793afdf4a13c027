"""diffusers' transformer in the form in which the host's samplers call a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from comfy.ldm.common_dit import pad_to_patch_size
from torch import Tensor, nn

from .modulation import Modulations

if TYPE_CHECKING:
    from collections.abc import Iterator

PATCH = 2
FORESEEN = "easel_sigmas"
"""Among the host's options of a run: every sigma that its sampler will ask for, in order."""
HURRY = "easel_hurry"
"""Among the host's options of a run: what skips blocks or runs them compiled."""


class Denoiser(nn.Module):
    """What the host calls ``diffusion_model``: its ControlNets, block patches and odd sizes work on it."""

    def __init__(
        self, transformer: Any, modulations: Modulations, timesteps_of: Callable[[], Callable[[Tensor], Tensor] | None]
    ) -> None:
        """``timesteps_of`` gives what turns sigmas into timesteps: a weak method, as it is the owner's."""
        super().__init__()
        self.transformer = transformer
        self.modulations = modulations
        self._timesteps_of = timesteps_of

    @property
    def dtype(self) -> torch.dtype:
        kept: torch.dtype = self.transformer.transformer_blocks[0].ff.net[2].weight.dtype
        return kept

    @property
    def x_embedder(self) -> nn.Module:
        """The host's ControlNets for this family copy these weights."""
        embedder: nn.Module = self.transformer.pos_embed
        return embedder

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor,
        control: Mapping[str, Any] | None = None,
        transformer_options: Mapping[str, Any] | None = None,
        **_others: Any,
    ) -> Tensor:
        """The velocity at ``x`` (B, 16, H/8, W/8), in the same shape."""
        net, options = self.transformer, transformer_options or {}
        height, width = x.shape[-2:]
        x = pad_to_patch_size(x, (PATCH, PATCH))
        image = net.pos_embed(x).contiguous()
        words = y.to(x.dtype)
        vector = net.time_text_embed(timesteps, words)
        text = net.context_embedder(context)
        with self._foreseen(timesteps, words, vector, options):
            image = self._through_the_blocks(image, text, vector, control, options)
            image = net.proj_out(net.norm_out(image, vector))
        return _to_picture(image, x.shape[-2] // PATCH, x.shape[-1] // PATCH)[:, :, :height, :width]

    def _through_the_blocks(
        self, image: Tensor, text: Tensor, vector: Tensor, control: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> Tensor:
        replaced = options.get("patches_replace", {}).get("dit", {})
        residuals = (control or {}).get("output") or []
        hurry = options.get(HURRY)
        after_first = image
        for number, block in enumerate(self.transformer.transformer_blocks):
            run = _Block(block if hurry is None else hurry.block(block), vector, self.modulations)
            state = {"img": image, "txt": text, "vec": vector, "transformer_options": options}
            replacement = replaced.get(("double_block", number))
            out = run(state) if replacement is None else replacement(state, {"original_block": run})
            before, image, text = image, out["img"], out["txt"]
            # As the reference does, after every block, the last one too.
            if number < len(residuals) and residuals[number] is not None:
                image = image + residuals[number]
            if number == 0 and hurry is not None:
                after_first = image
                rest: Tensor | None = hurry.rest_of(image - before, replaced, len(residuals), options)
                if rest is not None:
                    return image + rest
        if hurry is not None:
            hurry.keep(image - after_first)
        return image

    @contextmanager
    def _foreseen(self, timesteps: Tensor, words: Tensor, vector: Tensor, options: Mapping[str, Any]) -> Iterator[None]:
        """Have the modulation layers told what to answer, where they rest."""
        if not self.modulations.resting or vector.dtype != words.dtype:
            yield
            return
        ahead = self._ahead(timesteps, options)
        self.modulations.tell(self.modulations.answers(timesteps, words, ahead))
        try:
            yield
        finally:
            self.modulations.tell(None)

    def _ahead(self, timesteps: Tensor, options: Mapping[str, Any]) -> Iterable[Tensor]:
        """The steps of the run that are still to come."""
        sigmas, timesteps_of = options.get(FORESEEN, options.get("sample_sigmas")), self._timesteps_of()
        if sigmas is None or timesteps_of is None or bool((timesteps != timesteps[0]).any()):
            return []
        steps = timesteps_of(sigmas[sigmas > 0]).to(timesteps)
        here = (steps == timesteps[0]).nonzero()
        return [step.expand(len(timesteps)) for step in steps[int(here[0]) :]] if len(here) else []


class _Block:
    """One block in the form that the host's block patches take."""

    def __init__(self, block: Callable[..., tuple[Tensor, Tensor]], vector: Tensor, modulations: Modulations) -> None:
        self.block = block
        self.vector = vector
        self.modulations = modulations

    def __call__(self, state: Mapping[str, Any]) -> dict[str, Any]:
        # A patch that gives another vector is answered for that one.
        before = None if state["vec"] is self.vector else self.modulations.tell(None)
        text, image = self.block(hidden_states=state["img"], encoder_hidden_states=state["txt"], temb=state["vec"])
        if before is not None:
            self.modulations.tell(before)
        return {"img": image, "txt": text}


def _to_picture(tokens: Tensor, rows: int, columns: int) -> Tensor:
    count = tokens.shape[0]
    patches = tokens.reshape(count, rows, columns, PATCH, PATCH, -1)
    return torch.einsum("nhwpqc->nchpwq", patches).reshape(count, -1, rows * PATCH, columns * PATCH)
