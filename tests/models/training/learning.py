"""What every stage of the training shares: its settings, optimizers, and a loop that goes on where it was stopped."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped]

KEPT_EVERY = 100


@dataclass(frozen=True)
class Settings:
    """Where the models go and how long they learn; ``steps`` of 0 are those that the kept models were trained for."""

    out: Path
    work: Path
    seed: int = 35
    steps: int = 0
    pictures: int = 10_000
    spread: float = 0.3


class Muon(torch.optim.Optimizer):
    """Momentum whose change of each matrix (of each convolution as one) is made orthogonal."""

    def __init__(self, weights: Iterable[nn.Parameter], scale: float) -> None:
        super().__init__(weights, {"lr": 0.0, "scale": scale})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._change(weight, group["lr"])

    def _change(self, weight: Tensor, rate: float) -> None:
        assert weight.grad is not None
        momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight)).lerp_(weight.grad, 0.05)
        change = weight.grad.lerp(momentum, 0.95).reshape(weight.shape[0], -1)
        tall = change.shape[0] > change.shape[1]
        change = (change.T if tall else change).bfloat16()
        change = change / (change.norm() + 1e-7)
        for _ in range(5):
            square = change @ change.T
            change = 3.4445 * change + (-4.7750 * square + 2.0315 * square @ square) @ change
        change = (change.T if tall else change).float()
        weight.add_(change.reshape(weight.shape), alpha=-rate * 0.2 * max(change.shape) ** 0.5)


class Average:
    """The average of a module's weights over the last steps."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.weights = {name: value.detach().clone().float() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def take(self, module: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in module.state_dict().items():
            self.weights[name].lerp_(value.float(), 1 - decay)


class Learner:
    """A module, its optimizers and its average; kept on disk every hundred steps."""

    def __init__(
        self,
        name: str,
        module: nn.Module,
        settings: Settings,
        *,
        steps: int,
        rate: float,
        matrices: list[nn.Parameter],
        others: list[nn.Parameter],
        muon: float = 2.5,
        warmup: int = 100,
        decay: float = 0.995,
    ) -> None:
        self.name, self.module, self.steps, self.rate, self.warmup = name, module, settings.steps or steps, rate, warmup
        self._weights = matrices + others
        self._optimizers: list[torch.optim.Optimizer] = []
        if others:
            self._optimizers.append(torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0))
        if matrices:
            self._optimizers.append(Muon(matrices, muon))
        self.average = Average(module, decay)
        self._path, self._at = settings.work / f"{name}.pt", 0
        self._bar: Any = None
        if self._path.exists():
            self._resume()

    def __iter__(self) -> Iterator[int]:
        """The numbers of the steps that are left; each must end in :meth:`learn`."""
        self._bar = tqdm(range(self._at, self.steps), initial=self._at, total=self.steps, desc=self.name)
        yield from self._bar

    def learn(self, loss: Tensor, shown: float | None = None) -> None:
        """One step downhill; ``shown`` is what the bar says instead of the loss."""
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights, 1.0)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate_now() * group.get("scale", 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.average.take(self.module)
        self._at += 1
        self._bar.set_postfix(now=f"{loss.item() if shown is None else shown:.4f}", refresh=False)
        if self._at % KEPT_EVERY == 0 or self._at == self.steps:
            self._keep()

    def _rate_now(self) -> float:
        if self._at < self.warmup:
            return self.rate * (self._at + 1) / self.warmup
        part = min(1.0, (self._at - self.warmup) / max(1, self.steps - self.warmup))
        return self.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))

    def _keep(self) -> None:
        state = {
            "module": self.module.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "average": (self.average.weights, self.average.steps),
            "at": self._at,
        }
        partial = self._path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self._path)

    def _resume(self) -> None:
        state = torch.load(self._path, weights_only=True)
        self.module.load_state_dict(state["module"])
        for optimizer, kept in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.average.weights, self.average.steps = state["average"]
        self._at = state["at"]


def reduced() -> torch.autocast:
    """Arithmetic in bfloat16, twice as fast where the processor knows it."""
    return torch.autocast("cpu", torch.bfloat16)


def save_half(model: Any, folder: Path) -> None:
    """Write weights in fp16, with a configuration that still asks for fp32 arithmetic."""
    copy.deepcopy(model).half().save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    config |= {key: "float32" for key in ("torch_dtype", "dtype") if key in config}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
