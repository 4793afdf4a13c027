"""What was spent, as text, tables and a number."""

from __future__ import annotations

import datetime as dt
from typing import Any

from comfy_api.latest import io

CATEGORY = "Easel/Assets"
_WAYS = ["day", "provider", "model", "workflow"]
_MOST_DAYS = 36_500


class EaselSpending(io.ComfyNode):
    """The books of everything that was bought."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSpending",
            display_name="Spending",
            category=CATEGORY,
            description="Shows what your pictures have cost so far: by day, provider, model or workflow. Asks nobody; costs "
            "nothing. In sandbox mode it shows the sandbox's own books.",
            inputs=[
                io.Combo.Input("by", options=_WAYS, default="day", tooltip="What the cost is added up by."),
                io.Int.Input(
                    "days",
                    default=30,
                    min=0,
                    max=_MOST_DAYS,
                    tooltip="How many days back, today included. 0 takes everything.",
                ),
                io.AnyType.Input(
                    "after",
                    optional=True,
                    tooltip="Connect what should be bought first, such as a report or pictures: then its cost is in the sum.",
                ),
            ],
            outputs=[
                io.String.Output("report", display_name="report", tooltip="The sum and the rows as plain text."),
                io.String.Output("table", display_name="table", tooltip="The rows as a Markdown table."),
                io.String.Output("csv", display_name="csv", tooltip="The rows as CSV, for a spreadsheet."),
                io.Float.Output("total", display_name="total", tooltip="The sum in US dollars."),
            ],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_inputs: Any) -> float:
        """Looks into the books every time."""
        return float("nan")

    @classmethod
    async def execute(cls, by: str, days: int, after: Any = None) -> io.NodeOutput:
        from ...hosted.buying import spending

        since = dt.date.today() - dt.timedelta(days=days - 1) if days else None
        report = await spending(by, since)
        text = report.as_text()
        return io.NodeOutput(text, report.as_markdown(), report.as_csv(), float(report.usd), ui={"text": [text]})
