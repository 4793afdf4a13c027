"""What every error says, and that telling where it happened leaves the shared one as it is."""

from easel.nodes.hosted.engine.errors import ContentRejected, RateLimited, TimedOut


def test_an_error_says_what_happened_what_it_cost_and_whose_words():
    error = ContentRejected("It was refused.", stage="output", words="no", request_id="req_1", charge="charged")
    assert str(error) == "It was refused. It was charged. The provider's words: no (request id req_1)"


def test_what_cost_nothing_needs_no_word_about_it():
    assert str(RateLimited("Too many.")) == "Too many."


def test_an_unsure_charge_is_said():
    assert str(TimedOut("No answer.")) == "No answer. It may have been charged."


def test_a_located_error_is_a_copy():
    error = ContentRejected("Refused.", stage="input", words="no")
    located = error.located("Item 8 of the list")
    assert str(located).startswith("Item 8 of the list: Refused.")
    assert (type(located), located.stage, located.words) == (ContentRejected, "input", "no")
    assert str(error).startswith("Refused.")
