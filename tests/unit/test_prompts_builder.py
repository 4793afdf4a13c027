"""Prompts built from parts: one wish in every family's dialect, its warnings, and negative prompts."""

import itertools

import pytest

from easel.nodes.prompts import vocabulary
from easel.nodes.prompts.advice import advise
from easel.nodes.prompts.brief import Brief
from easel.nodes.prompts.choices import SECTIONS
from easel.nodes.prompts.data import PromptProblem
from easel.nodes.prompts.dialects import render
from easel.nodes.prompts.families import family, family_names
from easel.nodes.prompts.negatives import FORMS, negative, preset_names

SENTENCES = ("GPT Image", "DALL-E", "FLUX", "Ideogram", "other models")
FOX = Brief(
    subject="a red fox with a lantern",
    choices={"subject_type": "portrait", "setting": "forest", "style": "oil painting", "lighting": "golden hour"},
    words={"mood": "quietly proud"},
    details="moss on the stones",
    avoid="watermark, blur",
)


def made(name, brief=FOX, **changes):
    return render(Brief(**{**vars(brief), **changes}), family(name))


def warned(name, **wish):
    brief = Brief(**{"subject": "a fox", "avoid": "blur", **wish})
    return "\n".join(advise(brief, family(name), render(brief, family(name))))


# Dialects


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence_models_are_told_whole_sentences(name):
    assert made(name, avoid="").prompt == (
        "A portrait of a red fox with a lantern, in a dense forest. The picture is an oil painting with thick, visible "
        "brushstrokes. It is lit by the warm, low sun of golden hour. The mood is quietly proud. Details: moss on the stones."
    )


def test_midjourney_is_told_phrases_and_parameters():
    told = made("Midjourney", aspect_ratio="16:9", parameters="--stylize 200")
    assert told.prompt == (
        "a portrait of a red fox with a lantern, in a dense forest, oil painting, thick brushstrokes, golden hour, quietly "
        "proud, moss on the stones --ar 16:9 --no watermark, blur --stylize 200"
    )
    assert told.parameters == "--ar 16:9 --no watermark, blur --stylize 200"
    assert told.negative == ""


def test_midjourney_leaves_a_photograph_raw_unless_another_style_is_asked_for():
    photo = {"style": "photorealistic"}
    assert made("Midjourney", choices=photo, avoid="").parameters == "--style raw"
    assert made("Midjourney", choices=photo, avoid="", parameters="--niji 6").parameters == "--niji 6"


def test_stable_diffusion_is_told_weighted_tags_and_a_negative_prompt():
    told = made("Stable Diffusion", subject_weight=1.2, style_weight=0.9)
    assert told.prompt == (
        "(a red fox with a lantern:1.2), portrait, forest, (oil painting, thick brushstrokes:0.9), golden hour, quietly proud, "
        "moss on the stones"
    )
    assert told.negative == "watermark, blur, photograph, 3d render"


@pytest.mark.parametrize(
    ("name", "in_prompt", "beside"),
    [
        ("GPT Image", "Leave out: watermark, blur.", ""),
        ("DALL-E", "Leave out: watermark, blur.", ""),
        ("FLUX", None, ""),
        ("Midjourney", "--no watermark, blur", ""),
        ("Stable Diffusion", None, "watermark, blur, photograph, 3d render"),
        ("Ideogram", None, "watermark, blur, photograph, 3d render"),
        ("other models", None, "watermark, blur, photograph, 3d render"),
    ],
)
def test_what_is_unwanted_goes_where_the_family_takes_it(name, in_prompt, beside):
    told = made(name)
    assert told.negative == beside
    assert (in_prompt in told.prompt) if in_prompt else ("watermark" not in told.prompt)


@pytest.mark.parametrize(
    ("name", "style", "said"),
    [
        ("Ideogram", "photorealistic", "realistic"),
        ("Ideogram", "flat vector", "design"),
        ("Ideogram", "anime", "anime"),
        ("Ideogram", "low poly", "render_3d"),
        ("Ideogram", "watercolor", "general"),
        ("Ideogram", "none", "default"),
        ("DALL-E", "photorealistic", "natural"),
        ("DALL-E", "watercolor", "vivid"),
        ("FLUX", "photorealistic", "default"),
    ],
)
def test_the_style_type_goes_with_the_style(name, style, said):
    assert made(name, choices={"style": style}).style_type == said


@pytest.mark.parametrize("name", family_names())
def test_what_somebody_wrote_is_never_reworded(name):
    texts = {
        "subject": "ein Fuchs, der (leise) Laterne trägt... wartet",
        "details": "Fünf “Sterne” & 3 Monde!",
        "lettering": 'Gute "Nacht"',
    }
    words = {section: f"eigenes Wort für {section}, mit Komma" for section in SECTIONS}
    prompt = made(name, words=words, **texts).prompt
    for text in (*texts.values(), *words.values()):
        assert text in prompt


@pytest.mark.parametrize("name", family_names())
@pytest.mark.parametrize("part", vocabulary.PARTS)
def test_every_choice_reaches_every_family(name, part):
    form = "say" if family(name).form == "sentences" else "tags"
    for choice in vocabulary.names(part):
        term = vocabulary.term(part, choice)
        prompt = made(name, choices={part: choice}, words={}).prompt
        phrase = (
            term.say if part in ("subject_type", "setting") and family(name).form == "phrases" else getattr(term, form)
        )
        before, _, after = phrase.partition("{}")
        assert before.lower() in prompt.lower() and after in prompt, choice


@pytest.mark.parametrize("name", family_names())
def test_nothing_is_left_of_a_part_that_is_not_chosen(name):
    assert made(name, Brief(subject="a fox")).prompt.rstrip(".") == "a fox"


@pytest.mark.parametrize("name", family_names())
@pytest.mark.parametrize("part", vocabulary.PARTS)
def test_one_choice_alone_is_a_prompt(name, part):
    prompt = made(name, Brief(choices={part: vocabulary.names(part)[0]})).prompt
    assert len(prompt) > 3 and "{}" not in prompt and ",," not in prompt and not prompt.startswith((",", " "))


def test_several_sentences_keep_their_ends():
    prompt = made(
        "FLUX", Brief(subject="A fox. It waits!", choices={"setting": "forest"}, details="The moon rises?")
    ).prompt
    assert prompt == "A fox. It waits! Setting: in a dense forest. The moon rises?"


def test_no_comma_comes_twice():
    assert made("FLUX", Brief(subject="a fox, ", choices={"setting": "forest"})).prompt == "a fox, in a dense forest."
    assert made("Midjourney", Brief(subject="A fox.", details="moss,")).prompt == "A fox, moss,"


def test_an_empty_wish_is_refused():
    with pytest.raises(PromptProblem, match="write a subject"):
        made("FLUX", Brief(subject="  ", choices={"style": "none"}))


def test_an_unknown_choice_and_an_unknown_family_are_refused_by_name():
    with pytest.raises(PromptProblem, match="style has no choice 'crayon'"):
        made("FLUX", choices={"style": "crayon"})
    with pytest.raises(PromptProblem, match="GPT Image, DALL-E, FLUX"):
        family("Imagen")


# The vocabulary


def test_the_brief_s_vocabulary_is_all_there():
    wanted = {
        "subject_type": "portrait, headshot, full body, group, candid, product shot, floating, isolated, arrangement, wildlife, "
        "pet portrait, action shot, panoramic, aerial view, close-up detail, pattern, texture, geometric shapes",
        "style": "photorealistic, hyperrealistic, raw photo, oil painting, watercolor, digital art, illustration, product "
        "photography, advertising, editorial, cinematic, movie still, film grain, anamorphic, minimalist, retro, vintage, film "
        "photography, polaroid, 3D render, CGI, octane render, unreal engine, anime, pencil sketch",
        "lighting": "golden hour, blue hour, overcast, harsh sunlight, softbox, rim light, key light, fill light, chiaroscuro, "
        "low-key, high contrast, silhouette, neon glow, bioluminescent, candlelight, moonlight, backlit, side-lit, front-lit, "
        "diffused",
        "framing": "close-up, medium shot, wide shot, extreme close-up",
        "angle": "eye level, bird's eye, worm's eye, Dutch angle",
        "arrangement": "rule of thirds, symmetrical, mirrored, centered",
        "depth": "shallow depth of field, bokeh, layered, foreground interest",
        "camera": "Sony A7R IV, Canon EOS R5, Hasselblad",
        "lens": "85mm f/1.4, 35mm wide angle, 100mm macro",
        "finish": "color graded, professionally retouched, 8K UHD, high resolution, sharp focus, highly detailed",
    }
    for part, listed in wanted.items():
        assert set(listed.split(", ")) <= set(vocabulary.names(part)), part


def test_no_name_is_offered_twice_and_none_is_free():
    for part in vocabulary.PARTS:
        names = vocabulary.names(part)
        assert vocabulary.NONE not in names and len({name.casefold() for name in names}) == len(names) >= 5


def test_every_style_has_a_medium():
    assert all(vocabulary.medium(style).medium for style in vocabulary.names("style"))


# Warnings


def test_a_sound_prompt_is_not_warned_of():
    sound = {"choices": {"style": "photorealistic", "lighting": "golden hour", "camera": "Leica M"}, "avoid": ""}
    for name in ("GPT Image", "FLUX", "Midjourney"):
        assert warned(name, **sound) == ""


@pytest.mark.parametrize(
    ("name", "wish", "said"),
    [
        ("DALL-E", {"details": "word " * 1000}, "takes 4000 letters at most"),
        ("Midjourney", {"details": "word " * 80}, "beyond about 60 words"),
        ("Stable Diffusion", {"lettering": "SALE"}, "often misspelt by Stable Diffusion"),
        (
            "Midjourney",
            {"subject": 'a sign "one two three four five six"'},
            "about 5 words come out right and these are 6",
        ),
        ("FLUX", {"choices": {"style": "oil painting", "lens": "85mm f/1.4"}}, "85mm f/1.4 makes it a photograph"),
        (
            "FLUX",
            {"subject": "a watercolor of a fox", "choices": {"style": "3D render"}},
            "3D render (3D render) and water",
        ),
        ("FLUX", {"subject": "a photo of a pencil sketch"}, "photo (photograph) and sketch (drawing)"),
        (
            "FLUX",
            {"choices": {"lighting": "high-key"}, "details": "film noir"},
            "Contradiction: high-key and film noir",
        ),
        (
            "FLUX",
            {"choices": {"framing": "wide shot", "lens": "100mm macro"}},
            "Contradiction: 100mm macro and wide shot",
        ),
        (
            "GPT Image",
            {"choices": {"finish": "8K UHD"}},
            "No use to GPT Image: 8K, UHD; they do not make the picture larger",
        ),
        ("Midjourney", {"details": "masterpiece, trending on artstation"}, "No use to Midjourney: masterpiece"),
        ("Ideogram", {"choices": {"style": "octane render"}, "details": "octane render"}, "knows no render engines"),
        ("FLUX", {"details": "no people"}, "in place of “no people”, say what should be there"),
        ("Midjourney", {"details": "without cars"}, "write it into avoid"),
        ("FLUX", {"subject": "a (fox:1.3)"}, "Weights such as (fox:1.3) mean nothing to FLUX"),
        ("Stable Diffusion", {"subject": "a (fox", "subject_weight": 1.2}, "a bracket in it is not closed"),
        ("Midjourney", {"subject": "a fox --ar 2:1"}, "write it into parameters"),
        ("FLUX", {"subject": "a fox --ar 2:1"}, "only Midjourney reads them"),
        ("FLUX", {"parameters": "--ar 2:1"}, "“--ar 2:1” is left out"),
        ("FLUX", {"subject": "fox:: night"}, "The :: means nothing to FLUX"),
        ("FLUX", {"avoid": "blur"}, "FLUX has no negative prompt"),
        ("Stable Diffusion", {"avoid": ""}, "profits from a negative prompt"),
        ("Ideogram", {"avoid": "blur"}, "Only Ideogram 1, 2 and 3 have a negative prompt"),
        ("Ideogram", {"choices": {"style": "anime"}}, "The style type anime is for Ideogram 2"),
    ],
)
def test_what_a_family_will_not_do_is_said(name, wish, said):
    assert said in warned(name, **wish)


def test_words_inside_other_words_and_in_quotes_are_no_warnings():
    assert "sketch" not in warned("FLUX", subject="a photo of sketchy people", avoid="")
    assert "in place of" not in warned("FLUX", subject='a sign "no parking"', avoid="")


def test_a_weight_is_left_off_a_subject_with_an_open_bracket():
    assert made("Stable Diffusion", Brief(subject="a (fox", subject_weight=1.3)).prompt == "a (fox"
    assert made("Stable Diffusion", Brief(subject=r"a \(fox", subject_weight=1.3)).prompt == r"(a \(fox:1.3)"


# Negative prompts


def test_presets_and_own_words_come_once_each():
    text = negative(("no text or marks", "for products", "none"), "Watermark, neon\nfog")
    words = text.split(", ")
    assert words[:2] == ["text", "caption"] and words[-2:] == ["neon", "fog"]
    assert len({word.casefold() for word in words}) == len(words)
    assert "scratches" in words


def test_what_may_be_there_is_taken_out():
    assert "text" not in negative(("no text or marks",), keep="TEXT").split(", ")
    assert negative(("none",), "text", keep="text") == ""


def test_weights_with_commas_stay_whole():
    assert negative((), "(blurry, noisy:1.2), (foggy, noisy:1.2)") == "(blurry, noisy:1.2), (foggy, noisy:1.2)"


def test_the_forms_are_for_a_field_for_midjourney_and_for_a_sentence():
    assert [negative((), "fog, rain", form=form) for form in FORMS] == [
        "fog, rain",
        "--no fog, rain",
        "Leave out: fog, rain.",
    ]


@pytest.mark.parametrize("form", FORMS)
def test_every_preset_holds_words_once(form):
    for name in preset_names():
        assert len(negative((name,), form=form)) > 20
    everything = negative(preset_names()).split(", ")
    assert not [word for word, others in itertools.groupby(sorted(everything)) if len(list(others)) > 1]


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(PromptProblem, match="general quality"):
        negative(("hands",))
