"""One prompt made into many."""

from __future__ import annotations

from comfy_api.latest import io

from ..choices import EVERY, MOST, RANDOM, WAYS
from .shared import CATEGORY, seed_input

_SHOWN = 5
_BASE = "a __colour__ __animal__ on a plain background"
_LISTS = "colour: red, green, blue\nanimal: fox, owl"


class EaselPromptVariations(io.ComfyNode):
    """A list of prompts from one and lists of words."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselPromptVariations",
            display_name="Prompt Variations",
            category=CATEGORY,
            description="Makes many prompts from one and lists of words: every combination, in pairs, or drawn at random. Image "
            "nodes make a picture of each. Costs nothing itself.",
            inputs=[
                io.String.Input(
                    "base",
                    multiline=True,
                    default=_BASE,
                    tooltip="The prompt. __colour__ takes a word of the list colour, {red|green} one of these. The same place "
                    "twice gets the same word.",
                ),
                io.String.Input(
                    "lists",
                    multiline=True,
                    default=_LISTS,
                    tooltip="One list a line, such as colour: red, green, blue. With | between where a comma belongs to the words. "
                    "A list that the base does not name is put behind it. Lines that begin with # are skipped.",
                ),
                io.Combo.Input(
                    "combine",
                    options=list(WAYS),
                    default=EVERY,
                    tooltip="every combination: each word with each. in pairs: the first words together, then the second ones. "
                    "random picks: some of all combinations, drawn with the seed.",
                ),
                io.Int.Input(
                    "picks", default=8, min=1, max=MOST, tooltip="How many combinations random picks draws, none twice."
                ),
                seed_input("The same seed draws the same random picks."),
                io.Int.Input(
                    "limit",
                    default=64,
                    min=1,
                    max=MOST,
                    tooltip="More prompts than this are refused before anything is bought; the error says how many they would be.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "prompts",
                    display_name="prompts",
                    is_output_list=True,
                    tooltip="The prompts, as a list: an image node makes a picture of each.",
                ),
                io.String.Output(
                    "labels",
                    display_name="labels",
                    is_output_list=True,
                    tooltip="The words of each prompt, short and fit for file names.",
                ),
                io.Int.Output("count", display_name="count", tooltip="How many prompts there are."),
            ],
            is_output_node=True,
        )

    @classmethod
    async def execute(cls, base: str, lists: str, combine: str, picks: int, seed: int, limit: int) -> io.NodeOutput:
        from ..variations import read_lists, vary

        made = vary(base, read_lists(lists), combine, limit, picks, seed)
        prompts, labels = [one.prompt for one in made], [one.label for one in made]
        few = f" (there are no more than {len(made)} combinations)" if combine == RANDOM and len(made) < picks else ""
        more = [f"and {len(made) - _SHOWN} more"] if len(made) > _SHOWN else []
        told = "\n".join([f"{len(made)} prompts{few}", *prompts[:_SHOWN], *more])
        return io.NodeOutput(prompts, labels, len(made), ui={"text": [told]})
