"""A house to buy from, and engines that buy there."""

import pytest

from support.queue_house import QueueHouse
from support.shop import open_shop


@pytest.fixture
def house():
    house = QueueHouse()
    yield house
    house.close()


@pytest.fixture
def folder(tmp_path):
    """Where every engine of a test keeps its state."""
    return tmp_path / "easel"


@pytest.fixture
def shop(house, folder):
    """Makes engines over one folder; a second one is what a restart would find."""
    made = []

    def make(**knobs):
        made.append(open_shop(folder, house.url, **knobs))
        return made[-1]

    yield make
    for engine in made:
        engine.stop()
