"""Which model for what."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from comfy_api.latest import io

from ..choices import LICENCES, PLACES, QUALITIES, TEXTS
from ..models import control_names, models, retired, use_names
from ..vocabulary import NONE
from .shared import CATEGORY, Choice

_ANYTHING = "nothing special"
_MOST_PICTURES = 1_000_000


class EaselChooseModel(io.ComfyNode):
    """A recommendation with its reasons and price."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselChooseModel",
            display_name="Choose Model",
            category=CATEGORY,
            description="Recommends a model for what you have in mind, says why, and what your pictures would cost. Asks nobody; "
            "costs nothing.",
            inputs=[
                io.Combo.Input("use_case", options=list(use_names()), tooltip="What the pictures are for."),
                io.Combo.Input(
                    "text_in_picture", options=list(TEXTS), tooltip="How much is to be read in the picture."
                ),
                io.Combo.Input(
                    "control",
                    options=[_ANYTHING, *control_names()],
                    tooltip="What you want to steer with beside words.",
                ),
                io.Int.Input("pictures", default=1, min=1, max=_MOST_PICTURES, tooltip="How many pictures you plan."),
                io.Combo.Input(
                    "quality",
                    options=list(QUALITIES),
                    default="standard",
                    tooltip="How much each may take; price and time go with it.",
                ),
                io.Float.Input(
                    "budget",
                    default=0.0,
                    min=0.0,
                    max=1_000_000.0,
                    step=0.5,
                    tooltip="US dollars for all pictures together. 0 sets no limit.",
                ),
                io.Combo.Input("licence", options=list(LICENCES), tooltip="What you must be allowed to do."),
                io.Combo.Input("place", options=list(PLACES), tooltip="Where the model may run."),
                io.Combo.Input(
                    "had_in_mind",
                    options=[NONE, *(model.name for model in models()), *(model.name for model in retired())],
                    tooltip="A model that you thought of: the node says where it stands, or what has replaced it.",
                ),
            ],
            outputs=[
                Choice.Output(
                    "model",
                    display_name="model",
                    tooltip="The first choice, as its node calls it; link it to that node's model.",
                ),
                Choice.Output("family", display_name="family", tooltip="Its family; link it to Prompt Builder."),
                io.String.Output(
                    "explanation",
                    display_name="explanation",
                    tooltip="The first three with reasons and prices, as Markdown.",
                ),
                io.Float.Output(
                    "price", display_name="price", tooltip="US dollars for all planned pictures with the first choice."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_inputs: object) -> str:
        """Looks again on another day: models retire."""
        return str(dt.date.today())

    @classmethod
    async def execute(
        cls,
        use_case: str,
        text_in_picture: str,
        control: str,
        pictures: int,
        quality: str,
        budget: float,
        licence: str,
        place: str,
        had_in_mind: str,
    ) -> io.NodeOutput:
        from ..recommending import Need, explained, recommend, shortly

        need = Need(
            use=use_names()[use_case],
            text=TEXTS[text_in_picture],
            control=control_names().get(control),
            place=place,
            licence=licence,
            quality=quality,
            pictures=pictures,
            budget=Decimal(str(budget)) if budget else None,
        )
        today = dt.date.today()
        found, asked_for = recommend(need), "" if had_in_mind == NONE else had_in_mind
        first = found.choices[0]
        told = explained(found, need, use_case, today, asked_for)
        shown = shortly(found, need, today, asked_for)
        return io.NodeOutput(first.model.value, first.model.family, told, float(first.cost), ui={"text": [shown]})
