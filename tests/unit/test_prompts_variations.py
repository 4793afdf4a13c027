"""One prompt made into many: combinations, pairs and random picks."""

import pytest

from easel.nodes.prompts.choices import EVERY, MOST, PAIRS, RANDOM
from easel.nodes.prompts.data import PromptProblem
from easel.nodes.prompts.variations import read_lists, safe_label, vary

LISTS = {"colour": ["red", "green", "blue"], "animal": ["fox", "owl"]}
BASE = "a __colour__ __animal__"


def prompts(base=BASE, lists=LISTS, way=EVERY, limit=100, picks=4, seed=0):
    return [one.prompt for one in vary(base, lists, way, limit, picks, seed)]


def test_lists_are_read_from_lines():
    text = "colour: red, green\n# a remark\n\nlight at night: moon, a bright one | a lamp: old"
    assert read_lists(text) == {"colour": ["red", "green"], "light at night": ["moon, a bright one", "a lamp: old"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("red, green", "Line 1 of the lists has no name"),
        ("a: b\na: c", "two lists called a"),
        ("a: b,, c", "a has an empty word"),
        ("a:", "a has an empty word"),
        ("a: __b__, c\nb: d", "'__b__' stands for a list itself"),
    ],
)
def test_a_wrong_line_is_named(text, said):
    with pytest.raises(PromptProblem, match=said):
        read_lists(text)


def test_every_combination_in_order():
    assert prompts() == ["a red fox", "a red owl", "a green fox", "a green owl", "a blue fox", "a blue owl"]


def test_in_pairs_the_lists_go_in_step():
    assert prompts(lists={"colour": ["red", "green"], "animal": ["fox", "owl"]}, way=PAIRS) == [
        "a red fox",
        "a green owl",
    ]
    with pytest.raises(PromptProblem, match="red… has 3, fox… has 2"):
        prompts(way=PAIRS)


def test_braces_are_lists_without_a_name():
    assert prompts("a {big|small} fox{| at night}", {}) == [
        "a big fox",
        "a big fox at night",
        "a small fox",
        "a small fox at night",
    ]


def test_the_same_place_gets_the_same_word():
    assert prompts("__a__ and __a__, {x|y}{x|y}", {"a": ["1", "2"]}) == [
        "1 and 1, xx",
        "1 and 1, yy",
        "2 and 2, xx",
        "2 and 2, yy",
    ]


@pytest.mark.parametrize(
    ("base", "expected"),
    [("a fox", "a fox, red, fox"), ("a fox, ", "a fox, red, fox"), ("A fox.", "A fox. red, fox")],
)
def test_a_list_without_a_place_goes_behind(base, expected):
    assert prompts(base)[0] == expected


def test_behind_parameters_nothing_can_go():
    with pytest.raises(PromptProblem, match="write __colour__ there"):
        prompts("a fox --ar 16:9")
    assert prompts("a __colour__ __animal__ --ar 16:9")[0] == "a red fox --ar 16:9"


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(
        PromptProblem, match=r"asks for __color__, and no list has that name\. There are: colour, animal"
    ):
        prompts("a __color__ fox")


def test_without_lists_there_is_one_prompt():
    assert [prompts("a fox", {}, way) for way in (EVERY, PAIRS, RANDOM)] == [["a fox"]] * 3
    with pytest.raises(PromptProblem, match="base is empty"):
        prompts(" \n")


# Limits


def test_too_many_are_refused_with_their_number():
    with pytest.raises(PromptProblem, match=r"These would be 6 prompts \(3 × 2\), and the limit is 5"):
        prompts(limit=5)
    assert len(prompts(limit=6)) == 6


def test_even_a_product_beyond_all_memory_is_counted_and_drawn_from():
    lists = {str(number): [str(word) for word in range(100)] for number in range(40)}
    with pytest.raises(PromptProblem, match="These would be more than 1,000,000,000 prompts, and"):
        prompts("x", lists, limit=MOST)
    assert len(set(prompts("x", lists, RANDOM, picks=50))) == 50


# Random picks


def test_the_same_seed_draws_the_same_for_ever():
    assert prompts(way=RANDOM, picks=3, seed=7) == prompts(way=RANDOM, picks=3, seed=7)
    wide = {"a": [str(number) for number in range(1000)]}
    assert prompts("__a__", wide, RANDOM, picks=4, seed=7) == ["331", "970", "154", "404"]


def test_another_seed_draws_others_and_none_comes_twice():
    wide = {"a": [str(number) for number in range(1000)]}
    drawn = {seed: prompts("__a__", wide, RANDOM, picks=400, limit=400, seed=seed) for seed in (1, 2)}
    assert drawn[1] != drawn[2]
    assert all(len(set(one)) == 400 for one in drawn.values())


def test_more_picks_than_combinations_give_each_once():
    assert sorted(prompts(way=RANDOM, picks=50)) == sorted(prompts())


# Labels


def test_labels_name_the_words_and_fit_file_names():
    labels = [one.label for one in vary(BASE, {"colour": ["a/b:c", 'x"?'], "animal": ["fox"]}, EVERY, 9, 1, 0)]
    assert labels == ["a b c, fox", "x , fox"]
    assert safe_label("../../etc/passwd") == "etc passwd"
    assert len(safe_label("word " * 100)) <= 80


def test_labels_are_never_the_same():
    lists = {"a": ["red/", "red:", "red"]}
    assert [one.label for one in vary("__a__", lists, EVERY, 9, 1, 0)] == ["red", "red (2)", "red (3)"]
