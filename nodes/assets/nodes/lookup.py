"""What is known of pictures, found by their pixels."""

from __future__ import annotations

from collections.abc import Sequence

from ...hosted.buying import engine
from ...pictures import Pixels
from ..facts import KnownPicture, known_from


async def known_of(pictures: Sequence[Pixels]) -> list[KnownPicture]:
    """What the engine knows of each picture."""
    return [known_from(picture, await engine().record_of_pixels(picture.rgb_digest)) for picture in pictures]
