"""Train the small models of the tests anew, stage by stage.

    cd tests && python -m models.training.train --out FOLDER [--stage text --stage vae ...] [--steps N]

Needs the packages peft, opencv-python-headless and tqdm beside Easel's own. A stage that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from . import adapters, autoencoder, sam, text, transformer
from .learning import Settings

STAGES = {
    "text": text.train,
    "vae": autoencoder.train,
    "transformer": transformer.train,
    "controlnet": adapters.train_control,
    "lora": adapters.train_lora,
    "sam": sam.train,
}
"""In the order in which they need one another."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the models go")
    parser.add_argument("--work", type=Path, help="where unfinished ones are kept (OUT/work)")
    parser.add_argument("--stage", action="append", choices=STAGES, help="all of them unless given")
    parser.add_argument("--seed", type=int, default=35)
    parser.add_argument("--steps", type=int, default=0, help="of each stage; 0 are those of the kept models")
    parser.add_argument("--pictures", type=int, default=10_000, help="how many drawings the transformer learns from")
    parser.add_argument("--spread", type=float, default=0.3, help="how much drawings of one description differ, 0 to 1")
    parser.add_argument("--threads", type=int, default=2)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    work = told.work or told.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    settings = Settings(told.out, work, told.seed, told.steps, told.pictures, told.spread)
    for stage in told.stage or STAGES:
        STAGES[stage](settings)


if __name__ == "__main__":
    main()
