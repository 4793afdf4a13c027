"""Nodes that only tests use: a list of texts, one that blocks the executor, an end, and one that fails."""

import asyncio
import json
import time


class ProbeTexts:
    """A list of texts, as a node that makes many prompts gives it."""

    CATEGORY, FUNCTION, RETURN_TYPES, OUTPUT_IS_LIST = "probes", "run", ("STRING",), (True,)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"texts": ("STRING", {})}}

    def run(self, texts):
        return (json.loads(texts),)


class ProbeBlock:
    """Holds the executor's thread, as a local sampler does."""

    CATEGORY, FUNCTION, RETURN_TYPES = "probes", "run", ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seconds": ("FLOAT", {})}}

    def run(self, seconds):
        time.sleep(seconds)
        return ("done",)


class ProbeEnd:
    """An output node, so that what hangs on it runs."""

    CATEGORY, FUNCTION, RETURN_TYPES, OUTPUT_NODE = "probes", "run", (), True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"forceInput": True})}}

    def run(self, text):
        return {}


class ProbeFail:
    """Fails after a while, beside others that are still working."""

    CATEGORY, FUNCTION, RETURN_TYPES, OUTPUT_NODE = "probes", "run", (), True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seconds": ("FLOAT", {})}}

    async def run(self, seconds):
        await asyncio.sleep(seconds)
        raise RuntimeError("failed on purpose")


NODE_CLASS_MAPPINGS = {probe.__name__: probe for probe in (ProbeTexts, ProbeBlock, ProbeEnd, ProbeFail)}
