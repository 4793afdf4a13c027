"""Colours and style codes as they are typed: "#FF8800 0.6, #224466" and "AAFF5733, 0133FF57"."""

from __future__ import annotations

import re

Colour = tuple[str, float | None]
"""A colour as ``#RRGGBB``, and its weight from 0.05 to 1 where one was given."""

PALETTES = ("ember", "fresh", "jungle", "magic", "melon", "mosaic", "pastel", "ultramarine")
MOST_COLOURS = 8
_LEAST_WEIGHT = 0.05
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
_CODE = re.compile(r"[0-9a-fA-F]{8}")

PRESETS = (
    "80s_illustration", "90s_nostalgia", "abstract_organic", "analog_nostalgia", "art_brut", "art_deco", "art_poster", "aura",
    "avant_garde", "bauhaus", "blueprint", "blurry_motion", "bright_art", "c4d_cartoon", "childrens_book", "collage",
    "coloring_book_i", "coloring_book_ii", "cubism", "dark_aura", "doodle", "double_exposure", "dramatic_cinema", "editorial",
    "emotional_minimal", "ethereal_party", "expired_film", "flat_art", "flat_vector", "forest_reverie", "geo_minimalist",
    "glass_prism", "golden_hour", "graffiti_i", "graffiti_ii", "halftone_print", "high_contrast", "hippie_era", "iconic",
    "japandi_fusion", "jazzy", "long_exposure", "magazine_editorial", "minimal_illustration", "mixed_media", "monochrome",
    "nightlife", "oil_painting", "old_cartoons", "paint_gesture", "pop_art", "retro_etching", "riviera_pop", "spotlight_80s",
    "stylized_red", "surreal_collage", "travel_poster", "vintage_geo", "vintage_poster", "watercolor", "weird",
    "woodblock_print",
)  # fmt: skip
"""The style presets of Ideogram 3 (OpenAPI of April 2026)."""


def colours_of(text: str) -> tuple[Colour, ...]:
    """Up to eight colours, the heaviest first, as Ideogram wants them. Raises ValueError saying which one is wrong."""
    found = [_colour(entry) for entry in re.split(r"[,;\n]", text) if entry.strip()]
    if len(found) > MOST_COLOURS:
        raise ValueError(f"{MOST_COLOURS} colours are the most, and these are {len(found)}")
    return tuple(sorted(found, key=lambda colour: -(colour[1] or 0)))


def codes_of(text: str) -> tuple[str, ...]:
    """Style codes in capitals. Raises ValueError saying which one is wrong."""
    codes = re.split(r"[\s,;]+", text.strip()) if text.strip() else []
    for code in codes:
        if not _CODE.fullmatch(code):
            raise ValueError(f"{code!r} is no style code: each has 8 digits from 0 to 9 and A to F, such as AAFF5733")
    return tuple(code.upper() for code in codes)


def _colour(entry: str) -> Colour:
    colour, _, weight = entry.strip().partition(" ")
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"{colour!r} is no colour: write them as #FF8800, with commas between")
    if not weight.strip():
        return colour.upper(), None
    try:
        share = float(weight)
    except ValueError:
        share = 0.0
    if not _LEAST_WEIGHT <= share <= 1:
        raise ValueError(
            f"the weight of {colour} must be a number from {_LEAST_WEIGHT} to 1, and it is {weight.strip()}"
        )
    return colour.upper(), share
