"""Two small CLIPs over one vocabulary of about a thousand tokens, and a T5 that says nothing."""

from __future__ import annotations

import json
import random
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from .learning import Learner, Settings, save_half
from .words import CHOICES, all_words, random_prompts

JOINT = 256
"""Width of the text in the transformer."""
POOLED = 64 + 96
TOKENS = 77

_STEPS, _RATE, _BATCH = 700, 2e-3, 96
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"
_ENCODERS = (("text_encoder", "tokenizer", 64, "quick_gelu", _END), ("text_encoder_2", "tokenizer_2", 96, "gelu", "!"))
"""Folders, width, activation and what a prompt is filled up with; "!" is token 0."""
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"()-+*/&%#@_=<>[]{}|~^$"


def train(settings: Settings) -> None:
    """Teach both to state what a prompt says, by linear layers that are thrown away afterwards."""
    torch.manual_seed(settings.seed)
    tokenizers = _write_tokenizers(settings.out)
    encoders = [_new_encoder(width, act, pad_with, tokenizers[0]) for _, _, width, act, pad_with in _ENCODERS]
    widths = [encoder.config.projection_dim for encoder in encoders]
    readers: Any = nn.ModuleList(nn.ModuleList(nn.Linear(width, many + 1) for many in CHOICES) for width in widths)
    both = nn.ModuleList([*encoders, readers])
    learner = Learner(
        "text", both, settings, steps=_STEPS, rate=_RATE, matrices=[], others=list(both.parameters()), warmup=50
    )
    for step in learner:
        prompts, said = random_prompts(_BATCH, random.Random(settings.seed * 7_000_003 + step))
        # Numbers begin at -1: unsaid.
        wanted = torch.tensor(said) + 1
        loss, right = torch.zeros(()), []
        for tokenizer, encoder, reader in zip(tokenizers, encoders, readers, strict=True):
            # The vector of the whole does not see beyond the end of the text, so a short window will do.
            vector = encoder(_ids(tokenizer, prompts, 40)).text_embeds
            vector = vector + 0.1 * torch.randn_like(vector)
            for number, layer in enumerate(reader):
                answer = layer(vector)
                loss = loss + cross_entropy(answer, wanted[:, number])
                right.append((answer.argmax(1) == wanted[:, number]).float().mean())
            loss = loss + 1e-3 * (vector**2).mean()
        learner.learn(loss, shown=torch.stack(right).mean().item())
    for (folder, *_), encoder in zip(_ENCODERS, encoders, strict=True):
        save_half(encoder.eval(), settings.out / folder)
    _write_silent_t5(settings)


class Prompts:
    """Prompts as the transformer learns from them: few tokens, each with the number of those that it stands for.

    77 positions of CLIP and 256 zeros of a missing T5 would be four times the work. The zeros are all alike and the fillings
    nearly so; one key for n alike is the same with log(n) added to its score.
    """

    def __init__(self, folder: Path, kept: int = 20, window: int = 48) -> None:
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer

        self._tokenizers = [CLIPTokenizer.from_pretrained(folder / tokenizer) for _, tokenizer, *_ in _ENCODERS]
        self._encoders = [
            CLIPTextModelWithProjection.from_pretrained(folder / encoder, dtype=torch.float32).eval()
            for encoder, *_ in _ENCODERS
        ]
        self._kept, self._window = kept, window

    @torch.no_grad()
    def __call__(self, prompts: list[str], made: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Context (N, kept + 1, JOINT), vectors (N, POOLED), and what is added to the score of each key."""
        context, vectors, lengths = self._encoded(prompts)
        many = len(prompts)
        order = torch.rand(many, self._window, generator=made)
        is_word = torch.arange(self._window) < lengths[:, None]
        order = torch.where(is_word, -torch.arange(self._window, 0, -1).float(), order)
        index = order.argsort(1)[:, : self._kept]
        picked = context.gather(1, index[:, :, None].expand(-1, -1, JOINT))
        fillings = (TOKENS - lengths).float() / (self._kept - lengths.clamp(max=self._kept)).clamp(min=1)
        stands_for = torch.where(is_word.gather(1, index), 1.0, fillings[:, None])
        # Mostly as many zeros as diffusers adds; the host adds none.
        zeros = torch.tensor([256.0] * 16 + [77.0, 512.0, 1e-4, 1e-4])[torch.randint(20, (many,), generator=made)]
        context = torch.cat([picked, torch.zeros(many, 1, JOINT)], 1)
        return context, vectors, torch.cat([stands_for, zeros[:, None]], 1).log()

    def _encoded(self, prompts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        words, vectors = [], []
        for tokenizer, encoder in zip(self._tokenizers, self._encoders, strict=True):
            ids = _ids(tokenizer, prompts, self._window)
            said = encoder(ids, output_hidden_states=True)
            words.append(said.hidden_states[-2])
            vectors.append(said.text_embeds)
            lengths = (ids == tokenizer.eos_token_id).int().argmax(1) + 1
        context = torch.cat(words, -1)
        return pad(context, (0, JOINT - context.shape[-1])), torch.cat(vectors, -1), lengths


def _ids(tokenizer: Any, prompts: list[str], length: int) -> Tensor:
    ids: Tensor = tokenizer(
        prompts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def _new_encoder(width: int, activation: str, filled_with: str, tokenizer: Any) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    words = len(tokenizer)
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            hidden_act=activation,
            bos_token_id=words - 2,
            eos_token_id=words - 1,
            pad_token_id=words - 1 if filled_with == _END else 0,
        )
    )


def _write_tokenizers(out: Path) -> list[Any]:
    """Every known word is one token; anything else becomes letters and bytes."""
    from transformers import CLIPTokenizer

    merges = _merges(all_words())
    letters = ["!", *(letter for letter in _byte_letters() if letter != "!")]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges)]
    tokens = [*dict.fromkeys(tokens), _BEGIN, _END]
    made = []
    for _, name, _, _, filled_with in _ENCODERS:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        special = {"bos_token": _BEGIN, "eos_token": _END, "unk_token": _END, "pad_token": filled_with}
        config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "do_lower_case": True, **special}
        pages = {
            "vocab.json": json.dumps(
                {token: place for place, token in enumerate(tokens)}, ensure_ascii=False, indent=0
            ),
            "merges.txt": "\n".join(["#version: 0.2", *(f"{first} {second}" for first, second in merges)]),
            "tokenizer_config.json": json.dumps(config, indent=2),
            "special_tokens_map.json": json.dumps(special, indent=2),
        }
        for page, text in pages.items():
            (folder / page).write_text(text + "\n", encoding="utf-8")
        made.append(CLIPTokenizer.from_pretrained(folder))
    return made


def _byte_letters() -> list[str]:
    """The letters that stand for the 256 bytes in such vocabularies."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(hidden)) for byte in range(256)]


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Pairs to be joined, the most frequent first, until every word is one token."""
    split = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while True:
        counts: dict[tuple[str, str], int] = {}
        for parts in split:
            for pair in pairwise(parts):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            return merges
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        split = [_joined(parts, best) for parts in split]


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if found and (found[-1], part) == pair:
            found[-1] += part
        else:
            found.append(part)
    return found


def _write_silent_t5(settings: Settings) -> None:
    """A T5 whose answer is exactly zero: a missing one counts as zeros, but diffusers' folders want one."""
    transformers: Any = import_module("transformers")
    torch.manual_seed(settings.seed)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), *((letter, -3.0) for letter in _LETTERS)]
    transformers.T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=512).save_pretrained(
        settings.out / "tokenizer_3"
    )
    model = transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=128,
            d_model=JOINT,
            d_kv=16,
            d_ff=32,
            num_layers=1,
            num_heads=1,
            is_encoder_decoder=False,
            use_cache=False,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
        )
    )
    nn.init.zeros_(model.encoder.final_layer_norm.weight)
    save_half(model.eval(), settings.out / "text_encoder_3")
