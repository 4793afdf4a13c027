"""Input pictures on their way to a gateway: inside the request, or as links in the prompt."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence

import aiohttp

from ...engine.errors import EaselError, InputRefused, ProviderDown
from ...engine.inputs import InputPicture
from ...engine.provider import Call, Progress
from ...engine.wire import Answer
from ..account import ACCOUNT
from ..prompt import picture_input
from ..requests import Imagine
from .choice import Gateway
from .outcomes import text_in
from .wire import at, is_good, post, refusal

_LABEL = ACCOUNT.label
_MOST_BYTES = 20 * 1000 * 1000
_TAKEN = 1
_NO_CALL = (404, 405)
_LINK = re.compile(r"https?://\S+")


async def sent_as(picture: InputPicture, call: Call, gateway: Gateway, input_name: str = "image") -> str:
    """A picture as the gateway takes it: a data URL, or a link of its own to the same pixels.

    Raises :class:`InputRefused` where it takes links alone and there is none, or for a file that is too large.
    """
    if gateway.pictures == "inline":
        return await _data_url(picture, input_name)
    if link := await call.link_for(picture):
        return link
    raise InputRefused(
        f"{gateway.title} takes pictures only as links: use a picture that came whole from a Midjourney node today, or put "
        f"a link to yours before the words of the prompt.",
        input_name=input_name,
    )


async def reference_links(request: Imagine, call: Call, gateway: Gateway) -> dict[str, list[str]]:
    """Links to the pictures that a prompt refers to, by the parameter that they are for.

    A picture that the gateway made itself has one; others are uploaded where it can. Raises :class:`InputRefused` where
    it cannot.
    """
    return {
        name: await _linked(several, name, call, gateway) for name, several in request.references.items() if several
    }


async def _linked(several: Sequence[InputPicture], name: str, call: Call, gateway: Gateway) -> list[str]:
    known = [await call.link_for(picture) for picture in several]
    if not gateway.uploads:
        if all(known):
            return [link for link in known if link]
        raise InputRefused(
            f"{gateway.title} has no way to upload a picture, so {picture_input(name)} takes only pictures that came whole "
            f"from a Midjourney node today. Use one of those, or put a link to yours into {name}.",
            input_name=picture_input(name),
        )
    # A link of plain http is one of the gateway's own machine, where Midjourney cannot look.
    links = [link if link and link.startswith("https://") else None for link in known]
    new = await _uploaded([one for one, link in zip(several, links, strict=True) if not link], name, call, gateway)
    fresh = iter(new)
    return [link or next(fresh) for link in links]


async def _uploaded(several: Sequence[InputPicture], name: str, call: Call, gateway: Gateway) -> list[str]:
    """Links to pictures that the gateway has put on Discord: trueai-org's upload-discord-images, which costs nothing."""
    if not several:
        return []
    data = [await _data_url(picture, picture_input(name)) for picture in several]
    call.report(Progress(f"uploading {picture_input(name)}"))
    try:
        answer = await post(call, gateway, "submit/upload-discord-images", {"base64Array": data})
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise ProviderDown(f"The {_LABEL} could not be given the pictures.", retryable=True) from error
    links = at(answer, "result")
    if not is_good(answer) or at(answer, "code") != _TAKEN:
        raise _not_uploaded(answer, name, gateway)
    if not isinstance(links, list) or len(links) != len(data) or not all(_is_link(link) for link in links):
        raise ProviderDown(f"The {_LABEL} took the pictures and gave no links to them.", retryable=True)
    return links


def _not_uploaded(answer: Answer, name: str, gateway: Gateway) -> EaselError:
    """The error that a refused upload means; nothing was asked for yet, so that it surely cost nothing."""
    words = text_in(answer.body, "description")
    if answer.status in _NO_CALL or isinstance(at(answer, "code"), int):
        return InputRefused(
            f"The {_LABEL} did not take the pictures of {picture_input(name)}: it may not allow uploads. Put a link to them "
            f"into {name} instead.",
            input_name=picture_input(name),
            words=words,
        )
    error = refusal(answer)
    if isinstance(error, ProviderDown):
        return ProviderDown(f"The {_LABEL} could not be given the pictures.", retryable=True, words=error.words)
    return error


def _is_link(link: object) -> bool:
    return isinstance(link, str) and _LINK.fullmatch(link) is not None


async def _data_url(picture: InputPicture, input_name: str) -> str:
    data = await asyncio.to_thread(picture.encoded, "image/png")
    if len(data) > _MOST_BYTES:
        raise InputRefused(
            f"A picture of {picture.width}x{picture.height} makes a file of {len(data) / 1e6:.0f} MB, and "
            f"{_MOST_BYTES / 1e6:.0f} MB are the most: scale it down first.",
            input_name=input_name,
        )
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
