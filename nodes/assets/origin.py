"""How a picture came to be, in the words of IPTC and as an XMP packet.

Sources: IPTC NewsCodes "Digital Source Type" (cv.iptc.org), IPTC Photo Metadata 2025.1 (its properties for pictures made by
AI), XMP specification part 1 (the packet).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Xml

from .choices import AUTOMATIC, CHANGED, MADE, UNSAID

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = f"{_TERMS}trainedAlgorithmicMedia"
COMPOSITE = f"{_TERMS}compositeWithTrainedAlgorithmicMedia"

_CHOSEN = {MADE: TRAINED, CHANGED: COMPOSITE, UNSAID: None}

AGENT = "Easel for ComfyUI"

_META, _RDF = "adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP, _DC = "http://ns.adobe.com/xap/1.0/", "http://purl.org/dc/elements/1.1/"
_PREFIXES = {"x": _META, "rdf": _RDF, "Iptc4xmpExt": _IPTC, "xmp": _XMP, "dc": _DC}
_BEGIN, _END = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n', '\n<?xpacket end="w"?>'
_LONGEST_PROMPT = 8_000
# Letters that XML cannot hold.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

for _prefix, _space in _PREFIXES.items():
    Xml.register_namespace(_prefix, _space)


def source_type(choice: str, line: Mapping[str, Any]) -> str | None:
    """The IPTC term for a picture of which the manifest tells this much; None where nobody knows, or nothing is to be said."""
    if choice != AUTOMATIC:
        return _CHOSEN[choice]
    if not line.get("model") and not line.get("made_by"):
        return None
    return COMPOSITE if line.get("ingredients") or line.get("from_pictures") else TRAINED


def agent_of(line: Mapping[str, Any]) -> str:
    """Which AI made it, as far as is known: model and provider; a stand-in is called one."""
    model = str(line.get("model") or line.get("made_by") or "")
    if provider := line.get("provider"):
        model = f"{model} ({provider})"
    return f"SANDBOX stand-in for {model}" if line.get("sandbox") else model


def packet(source: str | None, agent: str, title: str, prompt: str) -> bytes:
    """An XMP packet in UTF-8; empty bytes where there is nothing to say. A prompt is cut at 8,000 letters."""
    if source is None:
        return b""
    root = Xml.Element(f"{{{_META}}}xmpmeta")
    about = Xml.SubElement(Xml.SubElement(root, f"{{{_RDF}}}RDF"), f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    Xml.SubElement(about, f"{{{_IPTC}}}DigitalSourceType").text = source
    Xml.SubElement(about, f"{{{_XMP}}}CreatorTool").text = AGENT
    if agent:
        Xml.SubElement(about, f"{{{_IPTC}}}AISystemUsed").text = _fit(agent)
    if prompt:
        Xml.SubElement(about, f"{{{_IPTC}}}AIPromptInformation").text = _fit(prompt[:_LONGEST_PROMPT])
    if title:
        names = Xml.SubElement(Xml.SubElement(about, f"{{{_DC}}}title"), f"{{{_RDF}}}Alt")
        item = Xml.SubElement(names, f"{{{_RDF}}}li", {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"})
        item.text = _fit(title)
    return (_BEGIN + Xml.tostring(root, encoding="unicode") + _END).encode()


def _fit(text: str) -> str:
    return _NOT_XML.sub("", text)
