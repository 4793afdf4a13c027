"""What may be asked of Midjourney: one typed request an operation, refused by name before any money moves.

Source of the parameters, their ranges and versions: ``parameters.toml``; of the actions: ``actions.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from ..engine.inputs import InputPicture, Mask, Picture
from ..engine.request import Request
from .actions import ACTIONS, Action, Shows
from .handle import Handle
from .masks import check_region
from .parameters import LEAST_BLENDED, MOST_BLENDED, MOST_ZOOM, Direction
from .prompt import Composed, compose, picture_input, reworded

Speed = Literal["fast", "relax", "turbo"]
Shape = Literal["square", "portrait", "landscape"]
MOST_PICTURES = 5
"""Picture prompts; more blur into one another, and gateways take few."""
MOST_REFERENCES = 5
"""Pictures for one reference; Midjourney publishes no number, and a prompt has room for about so many links."""
REFERENCES = ("style_reference", "character_reference", "omni_reference")
"""The parameters that can be given as pictures."""
OMNI = "omni_reference"
"""The one that takes a single picture."""
_MODEL = "midjourney-"


def model_of(version: str) -> str:
    """The name under which the ledger knows a version: ``midjourney-7``, ``midjourney-niji-6``."""
    return _MODEL + version.replace(" ", "-")


class MidjourneyRequest(Request):
    """What every operation shares."""

    provider: ClassVar[str] = "midjourney"

    speed: Speed | None = None
    """None leaves it to the gateway's own setting."""

    @property
    def version(self) -> str:
        """As the editor names it: ``7``, ``niji 6``."""
        return self.model.removeprefix(_MODEL).replace("niji-", "niji ")

    @property
    def needs(self) -> str:
        """What a gateway must be able to do for this."""
        return self.operation

    @property
    def asked(self) -> str:
        """The number or direction within what is needed, where there is one."""
        return ""

    @property
    def shows(self) -> Shows:
        """What comes back."""
        return "grid"


class Imagine(MidjourneyRequest):
    """Four pictures from words. ``prompt`` is the composed one, with every parameter in it."""

    operation: ClassVar[str] = "imagine"

    prompt: str = Field(min_length=1)
    images: tuple[Picture, ...] = Field(default=(), max_length=MOST_PICTURES)
    style_images: tuple[Picture, ...] | None = Field(default=None, max_length=MOST_REFERENCES)
    character_images: tuple[Picture, ...] | None = Field(default=None, max_length=MOST_REFERENCES)
    omni_image: Picture | None = None
    seed: int | None = None
    """As it stands in the prompt, for the record."""
    part: int | None = None
    """Which of several grids of one prompt this is, from the second on."""

    @classmethod
    def of(
        cls,
        prompt: str,
        version: str,
        inputs: Mapping[str, str | None],
        *,
        images: Sequence[InputPicture] = (),
        references: Mapping[str, Sequence[InputPicture]] | None = None,
        take: int = 0,
    ) -> tuple[tuple[Imagine, ...], Composed]:
        """The requests for a prompt and its parameters: one, or as many as ``repeat`` asks for.

        ``references`` are pictures by the parameter that they are for. Raises :class:`InputRefused` for what the version
        does not take.
        """
        pictured = {name: tuple(several) for name, several in (references or {}).items() if several}
        composed = compose(prompt, version, inputs, has_image=bool(images), pictured=pictured)
        seed, repeat = composed.values.get("seed"), int(composed.values.get("repeat", 1))
        asked = {
            "model": model_of(composed.version),
            "prompt": composed.prompt,
            "images": tuple(images),
            "speed": composed.values.get("speed"),
            "seed": None if seed is None else int(seed),
            "take": take,
            **{picture_input(name): one if name != OMNI else one[0] for name, one in pictured.items()},
        }
        return tuple(cls.build(**asked, part=part or None) for part in range(repeat)), composed

    @property
    def references(self) -> dict[str, tuple[InputPicture, ...]]:
        """The pictures that become links, by the parameter that they are for."""
        several = {name: getattr(self, picture_input(name)) or () for name in REFERENCES if name != OMNI}
        return {**several, OMNI: () if self.omni_image is None else (self.omni_image,)}


class FollowUp(MidjourneyRequest):
    """More of a finished task."""

    task: Handle

    @classmethod
    def on(cls, text: str, **values: object) -> Self:
        """The request for the task whose handle is ``text``. Raises :class:`InputRefused` where it cannot be asked."""
        task = Handle.read(text)
        return cls.build(model=model_of(task.version), task=task, **values)

    @property
    def action(self) -> Action:
        """The row of what is asked."""
        return ACTIONS[self.needs]

    @property
    def shows(self) -> Shows:
        return self.action.gives

    @property
    def prompt(self) -> str:
        """Of the task."""
        return self.task.prompt

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if problem := self.action.problem(self.task.version, self.task.shows, self.asked):
            raise ValueError(problem)
        return self


class Upscale(FollowUp):
    """One picture of a grid (``1`` to ``4``), or one picture made larger."""

    operation: ClassVar[str] = "upscale"

    which: Literal["1", "2", "3", "4", "subtle", "creative", "2x", "4x"]

    @property
    def needs(self) -> str:
        return "upscale_pick" if self.which.isdecimal() else f"upscale_{self.which}"

    @property
    def asked(self) -> str:
        return self.which


class Vary(FollowUp):
    """Four variations of one picture of a grid (``1`` to ``4``), or of a single one."""

    operation: ClassVar[str] = "vary"

    which: Literal["1", "2", "3", "4", "subtle", "strong"]

    @property
    def needs(self) -> str:
        return "vary_pick" if self.which.isdecimal() else f"vary_{self.which}"

    @property
    def asked(self) -> str:
        return self.which


class VaryRegion(FollowUp):
    """Four variations of one picture that differ from it inside a mask."""

    operation: ClassVar[str] = "vary_region"

    mask: Mask
    wish: str | None = None
    """The whole prompt for the region; None keeps the task's own."""

    @classmethod
    def inside(cls, text: str, wish: str, **values: Any) -> tuple[VaryRegion, Composed | None]:
        """The request for the task whose handle is ``text``, in words of its own where ``wish`` has some.

        Raises :class:`InputRefused` where it cannot be asked.
        """
        task = Handle.read(text)
        composed = reworded(task.prompt, wish, task.version) if wish.strip() else None
        return cls.on(text, wish=composed.prompt if composed else None, **values), composed

    @property
    def prompt(self) -> str:
        return self.wish or self.task.prompt

    @field_validator("mask")
    @classmethod
    def _marks_something(cls, mask: Any) -> Any:
        check_region(mask)
        return mask

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.prompt:
            raise ValueError("this task has no prompt of its own: say in prompt what should be inside the mask")
        return self


class Reroll(FollowUp):
    """Four other pictures of the same prompt."""

    operation: ClassVar[str] = "reroll"


class ZoomOut(FollowUp):
    """The same picture seen from further away."""

    operation: ClassVar[str] = "zoom"

    factor: float = Field(gt=1.0, le=MOST_ZOOM)

    @field_validator("factor")
    @classmethod
    def _has_two_digits(cls, factor: float) -> float:
        return round(factor, 2)

    @property
    def needs(self) -> str:
        return "zoom_out" if self.factor in (1.5, MOST_ZOOM) else "zoom_custom"

    @property
    def asked(self) -> str:
        return f"{self.factor:g}"


class Pan(FollowUp):
    """The picture continued on one side."""

    operation: ClassVar[str] = "pan"

    direction: Direction

    @property
    def asked(self) -> str:
        return self.direction


class Blend(MidjourneyRequest):
    """Four pictures made of several."""

    operation: ClassVar[str] = "blend"

    images: tuple[Picture, ...]
    shape: Shape = "square"

    @field_validator("images")
    @classmethod
    def _are_enough(cls, images: tuple[InputPicture, ...]) -> tuple[InputPicture, ...]:
        if not LEAST_BLENDED <= len(images) <= MOST_BLENDED:
            raise ValueError(
                f"Midjourney blends {LEAST_BLENDED} to {MOST_BLENDED} pictures, and these are {len(images)}"
            )
        return images


class Describe(MidjourneyRequest):
    """A picture put into words, as four prompts."""

    operation: ClassVar[str] = "describe"

    image: Picture
