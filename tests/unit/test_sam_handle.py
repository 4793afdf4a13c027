"""A module in the host's memory management: moved as a whole, and never left half-way."""

import pytest
import torch

from easel.nodes.local.handle import Handle

AWAY, HERE = torch.device("cpu"), torch.device("meta")


class Travelling(torch.nn.Linear):
    """Writes down where it is sent; may break down on the way."""

    def __init__(self):
        super().__init__(4, 4)
        self.register_buffer("more", torch.zeros(3))
        self.sent, self.breaks = [], False

    def to(self, device):
        self.sent.append(device)
        if self.breaks and device == HERE:
            raise RuntimeError("out of memory")
        return self


@pytest.fixture
def module():
    return Travelling()


@pytest.fixture
def handle(module):
    return Handle(module, HERE, AWAY)


def test_it_is_moved_once_and_back_once(handle, module):
    assert (handle.loaded_size(), handle.current_loaded_device()) == (0, AWAY)
    assert handle.model_size() == (16 + 4 + 3) * 4

    handle.partially_load(HERE)
    handle.partially_load(HERE)
    assert module.sent == [HERE]
    assert (handle.loaded_size(), handle.current_loaded_device()) == (handle.model_size(), HERE)
    handle.detach(unpatch_all=False)
    assert module.sent == [HERE]
    handle.detach()
    handle.detach()
    assert module.sent == [HERE, AWAY]
    assert handle.loaded_size() == 0


def test_what_does_not_fit_is_not_left_half_way(handle, module):
    module.breaks = True
    with pytest.raises(RuntimeError, match="out of memory"):
        handle.partially_load(HERE)
    assert module.sent == [HERE, AWAY]
    assert handle.loaded_size() == 0


def test_a_second_handle_of_the_same_module_is_its_clone(handle, module):
    assert handle.is_clone(Handle(module, HERE, AWAY))
    assert not handle.is_clone(Handle(Travelling(), HERE, AWAY))
