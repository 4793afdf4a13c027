"""Faster than exact, by choice: guidance for a part of the run, blocks skipped, blocks compiled."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor, nn

from ...errors import WishRefused
from ..speed import Speed
from .denoiser import HURRY
from .model import Patcher

_LONGEST_REST = 3
"""Steps in a row whose later blocks may be taken from the one before."""
_NO_COMPILER = "Blocks run as they are: {}."


def hurried(model: Any, speed: Speed) -> tuple[Any, str]:
    """The MODEL with ``speed``, and what came of it, in words. Raises ``WishRefused`` for a model of another loader."""
    if not isinstance(model, Patcher):
        raise WishRefused("This node takes the model of Load SD 3.5; connect that.")
    faster = model.clone()
    done = []
    if (speed.guidance_from, speed.guidance_until) != (0.0, 1.0):
        faster.add_wrapper_with_key(WrappersMP.CALC_COND_BATCH, HURRY, functools.partial(_guided, speed))
        done.append(f"Guidance from {speed.guidance_from:.0%} to {speed.guidance_until:.0%} of the run.")
    missing = compiler_missing(model.load_device) if speed.compiled else None
    compiled = speed.compiled and missing is None
    if missing is not None:
        done.append(_NO_COMPILER.format(missing))
    elif compiled:
        done.append("Blocks are compiled at the first step, once for a size of picture.")
    if speed.threshold > 0:
        done.append(f"Later blocks rest while the first changes by less than {speed.threshold:.0%}.")
    if speed.threshold > 0 or compiled:
        faster.add_wrapper_with_key(
            WrappersMP.OUTER_SAMPLE, HURRY, functools.partial(_hurried_run, speed.threshold, compiled)
        )
    return faster, " ".join(done) or "Everything is off: pictures are exact."


def compiler_missing(device: torch.device) -> str | None:
    """What torch.compile needs on ``device`` and does not find; None where it is all there."""
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        return None if has_triton() else "the Python package triton, which torch.compile needs, is not installed"
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except RuntimeError:
        return "torch.compile needs a C++ compiler (g++ or clang), and none is installed"
    return None


def _guided(speed: Speed, play: Any, model: Any, conds: list[Any], x: Tensor, sigma: Tensor, options: Any) -> Any:
    """A wrapper around the host's ``calc_cond_batch``: outside of the window the negative words are not asked for."""
    sampling = model.model_sampling
    first, last = (sampling.percent_to_sigma(part) for part in (speed.guidance_from, speed.guidance_until))
    # Guiders of another kind have more or fewer halves.
    if len(conds) != 2 or conds[1] is None or last <= float(sigma.max()) <= first:
        return play(model, conds, x, sigma, options)
    positive = play(model, [conds[0], None], x, sigma, options)[0]
    return [positive, positive]


def _hurried_run(threshold: float, compiled: bool, play: Any, *run: Any, **more: Any) -> Any:
    """A wrapper around the host's ``outer_sample``: what is remembered is of this run alone, and goes with it."""
    options = play.class_obj.model_options.setdefault("transformer_options", {})
    # One node behind another: what either of them wants.
    before = options.get(HURRY)
    options[HURRY] = Hurry(threshold, compiled) if before is None else before.joined(threshold, compiled)
    return play(*run, **more)


@dataclass
class _Kept:
    """What was seen when all blocks ran: how the first changed the picture, and how the others did."""

    first: Tensor
    rest: Tensor
    rested: int = 0


class Hurry:
    """What one run remembers from step to step."""

    def __init__(self, threshold: float, compiled: bool, compile_block: Callable[..., Any] | None = None) -> None:
        self._threshold = threshold
        self._compiled = compiled
        self._compile_block = compile_block or _compiled_block()
        self._kept: dict[tuple[Any, ...], _Kept] = {}
        self._now: tuple[tuple[Any, ...], Tensor] | None = None

    def joined(self, threshold: float, compiled: bool) -> Hurry:
        """Another with these wishes as well; of two thresholds the larger."""
        return Hurry(max(threshold, self._threshold), compiled or self._compiled)

    def block(self, block: nn.Module) -> Callable[..., Any]:
        """``block``, compiled where that is wanted and works."""
        return functools.partial(self._run, block) if self._compiled else block

    def rest_of(
        self, first: Tensor, replaced: Mapping[Any, Any], nets: int, options: Mapping[str, Any]
    ) -> Tensor | None:
        """How the other blocks changed the picture when last they ran, if ``first``, the change by the first, is much as then.

        Known apart are the positive and the negative words, blocks that a patch replaces, and the number of ControlNets'
        residuals.
        """
        whose = (tuple(options.get("cond_or_uncond", ())), tuple(options.get("uuids", ())))
        key = (whose, tuple(sorted(map(str, replaced))), nets, tuple(first.shape))
        self._now = key, first
        kept = self._kept.get(key)
        if self._threshold <= 0 or kept is None or kept.rested >= _LONGEST_REST:
            return None
        rows = tuple(range(1, first.ndim))
        moved = ((first - kept.first).abs().mean(rows) / kept.first.abs().mean(rows)).max()
        # Asked this way round, as a picture that is not a number has not stayed as it was.
        if not float(moved) < self._threshold:
            return None
        kept.rested += 1
        return kept.rest

    def keep(self, rest: Tensor) -> None:
        """All blocks have run."""
        if self._threshold > 0 and self._now is not None:
            key, first = self._now
            self._kept[key] = _Kept(first, rest)

    def _run(self, block: nn.Module, **state: Tensor) -> Any:
        if self._compiled:
            try:
                return self._compile_block(block, **state)
            except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as error:
                self._compiled = False
                reason = str(error).strip().split("\n")[0]
                logging.getLogger(__name__).warning(_NO_COMPILER.format(f"torch.compile failed ({reason})"))
        return block(**state)


def _one_block(block: nn.Module, **state: Tensor) -> Any:
    return block(**state)


@functools.cache
def _compiled_block(backend: str = "inductor") -> Callable[..., Any]:
    # One function for all blocks: those alike are compiled once.
    compiled: Callable[..., Any] = torch.compile(_one_block, backend=backend, dynamic=False)
    return compiled
