"""The handle of a task: plain text that a workflow passes on, enough to ask for more of the task and holding no key."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..engine.errors import InputRefused
from .actions import Shows


class Handle(BaseModel):
    """A finished task: its id, the gateway and the host that know it, its version, prompt, and what it shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task: str = Field(min_length=1, max_length=200)
    gateway: str
    host: str
    version: str
    shows: Shows
    prompt: str = ""

    @classmethod
    def read(cls, text: str) -> Handle:
        """The handle in ``text``. Raises :class:`InputRefused` for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            raise InputRefused(
                "The input task is no Midjourney task: connect the output task of another Midjourney node.",
                input_name="task",
            ) from None

    @property
    def text(self) -> str:
        """The handle as it leaves a node."""
        return self.model_dump_json()
