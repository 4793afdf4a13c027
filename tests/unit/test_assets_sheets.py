"""Contact sheets and comparisons: every picture in its place, text within its cell."""

import csv
import io

import numpy as np
import pytest

from easel.nodes.assets.choices import THEMES
from easel.nodes.assets.comparing import TABLE, Contender, cells_of, layout_of, lines_of, name_of, prompts_of, table_of
from easel.nodes.assets.facts import KnownPicture, total_cost
from easel.nodes.assets.sheets import Cell, Layout, sheet
from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.pictures import Pixels

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
PLAIN = Layout(columns=2, side=100)


def flat(colour, width=100, height=100):
    return Pixels(np.full((height, width, len(colour)), colour, np.uint8))


def has(made, colour):
    return (made.array == colour).all(axis=2)


def test_each_picture_stands_in_its_row_and_column():
    made = sheet([Cell(flat(colour)) for colour in (RED, GREEN, BLUE)], PLAIN)
    middles = {
        name: np.argwhere(has(made, colour)).mean(axis=0)
        for name, colour in zip("rgb", (RED, GREEN, BLUE), strict=True)
    }
    assert middles["r"][0] == middles["g"][0] < middles["b"][0]
    assert middles["r"][1] == middles["b"][1] < middles["g"][1]
    assert [has(made, colour).sum() for colour in (RED, GREEN, BLUE)] == [100 * 100] * 3


def test_a_picture_is_scaled_down_whole_and_never_up():
    made = sheet([Cell(flat(RED, 400, 200)), Cell(flat(GREEN, 40, 20))], PLAIN)
    assert has(made, RED).sum() == 100 * 50
    assert has(made, GREEN).sum() == 40 * 20


def test_transparency_is_laid_over_white():
    made = sheet([Cell(flat((255, 0, 0, 0)))], PLAIN)
    assert has(made, (255, 255, 255)).sum() >= 100 * 100


def test_an_empty_place_keeps_the_others_where_they_are():
    made = sheet([Cell(None), Cell(flat(RED))], PLAIN)
    assert np.argwhere(has(made, RED))[:, 1].min() >= made.width // 2


@pytest.mark.parametrize("theme", THEMES)
def test_captions_stay_below_their_picture_and_within_their_cell(theme):
    words = "a very long prompt that goes on and on about a fox " * 4
    layout = Layout(columns=1, side=200, theme=theme, lines=3)
    with_words, without = (sheet([Cell(flat(RED, 200, 200), text)], layout) for text in ((words, "last line"), ()))
    assert with_words.height > without.height
    paper = np.array(THEMES[theme].paper)
    below = with_words.array[without.height :]
    assert (below != paper).any()
    assert (with_words.array[:, : layout.gap] == paper).all()
    assert (with_words.array[:, -layout.gap :] == paper).all()
    assert with_words.height - without.height <= layout.gap + 3 * layout.font_size * 1.4


def test_every_part_of_a_caption_is_kept_however_long_the_first_is():
    long = sheet([Cell(flat(RED), ("fox " * 99, "$0.04"))], Layout(columns=1, side=100, lines=2))
    other = sheet([Cell(flat(RED), ("fox " * 99, "$9.99"))], Layout(columns=1, side=100, lines=2))
    assert long != other


def test_letters_that_the_own_font_lacks_do_not_stop_a_sheet():
    assert sheet([Cell(flat(RED), ("一只狐狸 · лиса",))], PLAIN).width


def test_a_title_and_heads_take_room_only_where_they_are():
    bare = sheet([Cell(flat(RED))], PLAIN)
    titled = sheet([Cell(flat(RED))], Layout(columns=2, side=100, title="Heroes"))
    headed = sheet([Cell(flat(RED))], Layout(columns=2, side=100, title="Heroes", heads=("FLUX",)))
    assert bare.height < titled.height < headed.height


def test_no_pictures_and_too_many_are_refused():
    with pytest.raises(InputRefused, match="no picture"):
        sheet([], PLAIN)
    with pytest.raises(InputRefused, match="cells smaller"):
        sheet([Cell(flat(RED, 2048, 2048))] * 30, Layout(side=2048))


def known(model="dall-e-3", prompt="a fox", cost=0.04, colour=RED):
    return KnownPicture(flat(colour), prompt, model, cost, seed=5, seconds=2.0)


def test_a_comparison_has_a_row_a_prompt_and_a_column_a_model():
    contenders = [
        Contender("A", (known(prompt="fox"), known(prompt="owl"))),
        Contender("B", tuple(known("flux", "fox", None) for _ in range(4))),
    ]
    prompts = prompts_of(contenders, [])
    assert prompts == ["fox", "owl"]
    cells = cells_of(contenders, prompts)
    assert [cell.picture is not None for cell in cells] == [True, True, False, True] * 2
    assert [cell.caption[0] for cell in cells if cell.picture] == ["fox"] * 3 + ["owl"] * 3
    assert layout_of(contenders, 100, "dark", "").columns == 2
    lines = lines_of(contenders, prompts)
    assert [line["contender"] for line in lines] == ["A", "B", "B"] * 2
    assert [line["prompt"] for line in lines] == ["fox"] * 3 + ["owl"] * 3


def test_the_table_adds_up_and_leaves_the_unknown_empty():
    first, second = csv.DictReader(
        io.StringIO(table_of([Contender("A", (known(), known(cost=0.02))), Contender("B", (KnownPicture(flat(RED)),))]))
    )
    assert tuple(first) == TABLE
    assert (first["cost_usd"], first["cost_per_picture_usd"], first["pictures"]) == ("0.06", "0.03", "2")
    assert (second["cost_usd"], second["seconds_each"], second["sizes"]) == ("", "", "100x100")
    assert total_cost([known(), known(cost=0.02)]) == "$0.06"
    assert total_cost([KnownPicture(flat(RED))]) == ""


def test_uneven_numbers_of_pictures_are_refused_by_name():
    contenders = [Contender("A", (known(), known())), Contender("B", (known(),) * 3)]
    with pytest.raises(InputRefused, match="B has 3 pictures for 2 prompts"):
        prompts_of(contenders, ["fox", "owl"])
    with pytest.raises(InputRefused, match="C has 0 pictures"):
        prompts_of([Contender("C", ())], ["fox"])


@pytest.mark.parametrize(
    ("models", "given", "name"),
    [(["flux"], "", "flux"), (["flux"], " Mine ", "Mine"), (["flux", "dall-e-3"], "", "B"), ([""], "", "B")],
)
def test_a_column_is_named(models, given, name):
    assert name_of([known(model) for model in models], given, "b") == name
