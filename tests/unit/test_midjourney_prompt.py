"""Midjourney's prompt: what is typed is understood, what the version lacks is refused, nothing is ever there twice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.midjourney.parameters import PARAMETERS, SPELLINGS, VERSIONS
from easel.nodes.hosted.midjourney.prompt import Composed, compose, read, without

WORDS = "a red fox"


def composed(prompt: str = WORDS, version: str = "7", *, has_image: bool = False, **inputs: Any) -> Composed:
    return compose(prompt, version, inputs, has_image=has_image)


def flags_of(prompt: str) -> list[str]:
    return [flag.lower() for flag in re.findall(r"(?:^|(?<=[\s,]))--([A-Za-z][\w-]*)", prompt)]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("a red fox", "a red fox --v 7"),
        ("a red fox --ar 16:9 --style raw --v 6.1", "a red fox --v 6.1 --ar 16:9 --style raw"),
        ("a red fox --raw --s 250", "a red fox --v 7 --style raw --stylize 250"),
        ("a red fox --niji 6 --c 5", "a red fox --niji 6 --chaos 5"),
        ("a red fox —ar 3:2 –chaos 10", "a red fox --v 7 --ar 3:2 --chaos 10"),
        ("a red fox — asleep", "a red fox — asleep --v 7"),
        ("a red fox --ar 3:2, --seed 7.", "a red fox --v 7 --ar 3:2 --seed 7"),
        ("a red fox --no rain,--ar 3:2", "a red fox --v 7 --ar 3:2 --no rain"),
        ("a  red\nfox   --tile", "a red fox --v 7 --tile"),
        ("a red fox --no rain,  snow --no snow, fog", "a red fox --v 7 --no rain, snow, fog"),
        (
            "a red fox --sref 123 --sref https://a.example/b.png::2 123",
            "a red fox --v 7 --sref 123 https://a.example/b.png::2",
        ),
        ("a red fox --p", "a red fox --v 7 --profile"),
        ("a red fox --v 6.0", "a red fox --v 6"),
        ("a red fox --niji 6.", "a red fox --niji 6"),
        ("a red fox --hd --v 8.1", "a red fox --v 8.1 --hd"),
        ("a red fox --ar 3:2 --ar 3:2", "a red fox --v 7 --ar 3:2"),
        ("https://a.example/b.png a red fox --iw 2", "https://a.example/b.png a red fox --v 7 --iw 2"),
        ("hot::2 dog::-0.5", "hot::2 dog::-0.5 --v 7"),
        ("a red fox --newest thing", "a red fox --v 7 --newest thing"),
    ],
)
def test_what_is_typed_is_understood_and_written_once(typed, written):
    result = composed(typed)
    assert result.prompt == written
    assert composed(result.prompt).prompt == written


@pytest.mark.parametrize(
    ("typed", "inputs", "written", "note"),
    [
        ("a red fox --s 50", {"stylize": "250"}, "a red fox --v 7 --stylize 50", "own --stylize 50"),
        ("a red fox --s 50", {"stylize": "50"}, "a red fox --v 7 --stylize 50", None),
        ("a red fox", {"stylize": "100", "chaos": "0", "aspect_ratio": "1:1"}, "a red fox --v 7", None),
        ("a red fox --no rain", {"no": "snow, rain"}, "a red fox --v 7 --no rain, snow", None),
        ("a red fox --sref 12", {"style_reference": "12 34"}, "a red fox --v 7 --sref 12 34", None),
        ("a red fox --v 6", {}, "a red fox --v 6", "own version 6 was used in place of 7"),
        ("a red fox", {"tile": "", "seed": "0"}, "a red fox --v 7 --tile --seed 0", None),
        ("a red fox --relax", {"speed": "fast"}, "a red fox --v 7", "own --relax"),
    ],
)
def test_the_prompt_goes_before_the_inputs_and_says_so(typed, inputs, written, note):
    result = composed(typed, **inputs)
    assert result.prompt == written
    assert (note in " ".join(result.notes)) if note else result.notes == ()


@pytest.mark.parametrize(
    ("version", "typed", "inputs", "name", "sentence"),
    [
        ("7", WORDS, {"character_reference": "https://a.example/b.png"}, "character_reference", "6.1, 6 and niji 6 have it"),
        ("7", f"{WORDS} --cref https://a.example/b.png", {}, "prompt", "version 7 has no --cref"),
        ("7", WORDS, {"quality": "0.25"}, "quality", "version 7 takes 1, 2 or 4; 5.2, 5.1, 5, 4"),
        ("6", WORDS, {"quality": "4"}, "quality", "7 takes 4"),
        ("8.1", WORDS, {"quality": "1"}, "quality", "version 8.1 has no --quality"),
        ("6.1", WORDS, {"omni_reference": "https://a.example/b.png"}, "omni_reference", "version 6.1 has no --oref: 7, 8.1"),
        ("4", WORDS, {"tile": ""}, "tile", "version 4 has no --tile"),
        ("8.1", WORDS, {"tile": ""}, "tile", "version 8.1 has no --tile"),
        ("6", WORDS, {"draft": ""}, "draft", "7 has it"),
        ("7", WORDS, {"resolution": "hd"}, "resolution", "version 7 has no --hd or --sd: 8.1 and 8 have it"),
        ("5", WORDS, {"style": "raw"}, "style", "version 5 has no --style"),
        ("7", WORDS, {"style": "cute"}, "style", "niji 5 takes cute"),
        ("7", WORDS, {"chaos": "101"}, "chaos", "takes 0 to 100"),
        ("3", WORDS, {"stylize": "300"}, "stylize", "version 3 takes 625 to 60000"),
        ("7", WORDS, {"stylize": "1001"}, "stylize", "3 takes 1001"),
        ("4", WORDS, {"weird": "10"}, "weird", "version 4 has no --weird"),
        ("7", WORDS, {"stop": "50"}, "stop", "version 7 has no --stop"),
        ("5", WORDS, {"style_reference": "random"}, "style_reference", "version 5 has no --sref"),
        ("7", WORDS, {"style_version": "7", "style_reference": "1"}, "style_version", "version 7 takes 1 to 6"),
        ("8", WORDS, {"style_version": "6", "style_reference": "1"}, "style_version", "version 8 takes 7"),
        ("4", WORDS, {"aspect_ratio": "3:1"}, "aspect_ratio", "up to 2:1"),
        ("7", WORDS, {"aspect_ratio": "1.5:1"}, "aspect_ratio", "whole numbers, such as 16:9"),
        ("7", WORDS, {"aspect_ratio": "0:1"}, "aspect_ratio", "whole numbers"),
        ("7", WORDS, {"style_weight": "5"}, "style_weight", "means nothing without --sref"),
        ("7", WORDS, {"omni_weight": "5"}, "omni_weight", "means nothing without --oref"),
        ("6", WORDS, {"character_weight": "5"}, "character_weight", "means nothing without --cref"),
        ("7", WORDS, {"image_weight": "2"}, "image_weight", "means nothing without a picture"),
        ("5", f"https://a.example/b.png {WORDS}", {"image_weight": "3"}, "image_weight", "version 5 takes 0 to 2"),
        ("7", WORDS, {"omni_reference": "https://a.example/b.png", "quality": "4"}, "omni_reference", "together with --quality 4"),
        ("7", WORDS, {"omni_reference": "https://a.example/b.png https://c.example"}, "omni_reference", "exactly one link"),
        ("7", WORDS, {"style_reference": "my style"}, "style_reference", "style codes, or random"),
        ("7", WORDS, {"seed": "4294967296"}, "seed", "0 to 4294967295"),
        ("7", WORDS, {"repeat": "41"}, "repeat", "1 to 40"),
        ("7", f"{WORDS} --v 6 --niji 6", {}, "prompt", "several versions (6, niji 6)"),
        ("7", f"{WORDS} --v 9", {}, "prompt", "it takes 7, 8.1"),
        ("7", f"{WORDS} --niji", {}, "prompt", "it takes 7, 6, 5, 4"),
        ("7", f"{WORDS} --ar 3:2 --ar 16:9", {}, "prompt", "twice, once 3:2 and once 16:9"),
        ("7", f"{WORDS} --fast --relax", {}, "prompt", "twice"),
        ("7", f"{WORDS} --tile in the rain", {}, "prompt", "before all parameters"),
        ("7", f"{WORDS} --raw in the rain", {}, "prompt", "before all parameters"),
        ("7", f"{WORDS} --ar 3:2 in the rain", {}, "prompt", "such as 16:9"),
        ("7", f"{WORDS} --no", {}, "prompt", "takes words"),
        ("7", WORDS, {"no": "rain --tile"}, "no", "parameters go into the prompt"),
        ("7", WORDS, {"profile": "—tile"}, "profile", "parameters go into the prompt"),
        ("7", f"{WORDS} --video", {}, "prompt", "asks for a film"),
        ("7", "  --ar 3:2", {}, "prompt", "The prompt is empty"),
        ("7", "hot::1 dog::-1", {}, "prompt", "sum above 0"),
        ("7", "a" * 6000, {}, "prompt", "6000 are the most"),
    ],
)  # fmt: skip
def test_what_the_version_does_not_take_is_refused_by_name(version, typed, inputs, name, sentence):
    with pytest.raises(InputRefused) as refused:
        composed(typed, version, **inputs)
    assert refused.value.input_name == name
    assert sentence in str(refused.value)
    assert refused.value.charge == "none"


@pytest.mark.parametrize(
    ("version", "inputs", "note"),
    [
        ("8.1", {"omni_reference": "https://a.example/b.png"}, "Sources differ on whether version 8.1 takes --oref"),
        ("8", {"experimental": "5"}, "version 8 takes --exp"),
        ("7", {}, "follows :: weights"),
    ],
)
def test_where_sources_differ_it_is_sent_and_said(version, inputs, note):
    result = composed("hot:: dog", version, **inputs)
    assert note in " ".join(result.notes)


def test_a_picture_alone_is_a_prompt_and_gives_the_image_weight_its_meaning():
    assert composed("", has_image=True, image_weight="2").prompt == "--v 7 --iw 2"


def test_what_nobody_knows_is_sent_as_it_is_and_said():
    assert "does not know --newest thing" in " ".join(composed(f"{WORDS} --newest thing").notes)


def test_a_parameter_can_be_taken_out_again():
    assert without("a red fox --v 7 --ar 3:2 --tile", "aspect_ratio") == ("a red fox --v 7 --tile", "3:2")
    assert without("a red fox --v 7", "aspect_ratio") == ("a red fox --v 7", None)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_taken_by_some_version_and_names_only_versions_that_there_are(name):
    named = [version for rule in PARAMETERS[name].rules for version in rule.versions]
    assert named and set(named) <= set(VERSIONS)
    assert len(named) == len(set(named)), "two rules for one version"
    assert PARAMETERS[name].needs in ("", "image", *PARAMETERS)


# Properties: whatever is asked, in whatever order, nothing is doubled and asking again changes nothing.

REFERENCE = st.one_of(
    st.integers(0, 10**9).map(str),
    st.just("random"),
    st.sampled_from(["https://a.example/1.png", "https://b.example/2.jpg::2", "http://c.example:8080/x"]),
)
WORD = st.text(alphabet="abcdefghij' äß猫", min_size=1, max_size=8).filter(lambda word: word.strip(" '"))
VALUES = {
    "ratio": st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda sides: f"{sides[0]}:{sides[1]}"),
    "references": st.lists(REFERENCE, min_size=1, max_size=3).map(" ".join),
    "link": st.just("https://a.example/1.png"),
    "words": st.lists(WORD, min_size=1, max_size=3).map(", ".join),
    "codes": st.lists(st.from_regex(r"[a-z0-9]{4,7}", fullmatch=True), max_size=2).map(" ".join),
    "switch": st.just(""),
}


def value_of(name: str, version: str) -> st.SearchStrategy[str]:
    parameter = PARAMETERS[name]
    rule = parameter.rule(version)
    assert rule is not None
    if rule.choices:
        return st.sampled_from(rule.choices)
    if rule.least is not None and parameter.kind == "whole":
        return st.integers(int(rule.least), int(rule.most or 10**6)).map(str)
    if rule.least is not None:
        return st.integers(int(rule.least * 100), int((rule.most or 9) * 100)).map(
            lambda hundredths: f"{hundredths / 100:.2f}"
        )
    return VALUES[parameter.kind]


@st.composite
def wishes(draw: st.DrawFn) -> tuple[str, dict[str, str], dict[str, str]]:
    """A version, and parameters that it has: some for the prompt, some for the inputs, some for both."""
    version = draw(st.sampled_from(VERSIONS))
    names = [name for name, parameter in PARAMETERS.items() if parameter.rule(version)]
    typed, inputs = (
        {
            name: draw(value_of(name, version))
            for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=6))
        }
        for _ in range(2)
    )
    return version, typed, inputs


@settings(max_examples=150, deadline=None)
@given(wishes(), st.lists(WORD, min_size=1, max_size=4).map(" ".join), st.randoms())
def test_composing_again_changes_nothing_and_nothing_is_doubled(wish, words, chance):
    version, typed, inputs = wish
    spelled = [_spelled(name, value, chance) for name, value in typed.items()]
    chance.shuffle(spelled)
    try:
        first = compose(" ".join([words, *spelled]), version, inputs, has_image=True)
    except InputRefused as refused:
        # Drawn apart, two parameters may exclude or need each other; anything else must be taken.
        assume(not re.search(r"means nothing without|together with|takes up to", str(refused)))
        raise
    again = compose(first.prompt, version, {}, has_image=True)
    assert again.prompt == first.prompt
    both = compose(first.prompt, first.version, {**inputs, **typed}, has_image=True)
    assert both.prompt == first.prompt
    written = [SPELLINGS[flag][0].name if flag in SPELLINGS else flag for flag in flags_of(first.prompt)]
    assert len(written) == len(set(written))
    parsed = read(first.prompt)
    assert parsed.words == " ".join(words.split())
    assert parsed.version == version
    kept = {name: value for name, value in first.values.items() if PARAMETERS[name].written != "apart"}
    assert dict(parsed.values) == kept


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*"ab -—–:.,19\n", "--ar ", "--v ", "--no ", "--x", "--tile", "16:9", "7"])).map("".join)
)
def test_whatever_is_typed_is_refused_with_a_sentence_or_composed_for_good(prompt):
    try:
        first = compose(prompt, "7", {})
    except InputRefused as refused:
        assert str(refused).endswith(".")
        return
    again = compose(first.prompt, "7", {})
    assert (again.prompt, again.version) == (first.prompt, first.version)
    known = [SPELLINGS[flag][0].name for flag in flags_of(first.prompt) if flag in SPELLINGS]
    assert len(known) == len(set(known))


def _spelled(name: str, value: str, chance: Any) -> str:
    """The parameter in one of its spellings."""
    parameter = PARAMETERS[name]
    switch = next((switch for switch, stands_for in parameter.switches.items() if stands_for == value), None)
    if switch is not None and (not parameter.flags or chance.random() < 0.5):
        return f"--{switch}"
    return f"{chance.choice(['--', '—'])}{chance.choice(parameter.flags)} {value}"
