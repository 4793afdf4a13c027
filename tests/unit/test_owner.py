"""Who owns a purchase, and whether that process still lives."""

import subprocess
import sys
import time

import psutil
import pytest

from easel.nodes.hosted.engine.owner import is_alive, this_process

SOON, PAST = time.time() + 3600, 0.0
MACHINE, PID, STARTED = this_process().rsplit("/", 2)


def of(process):
    return f"{MACHINE}/{process.pid}/{psutil.Process(process.pid).create_time():.2f}"


def test_this_process_lives_whatever_its_lease_says():
    assert is_alive(this_process(), PAST)


def test_a_process_is_known_to_live_and_to_be_dead_at_once():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = of(process)
    assert is_alive(owner, PAST)
    process.kill()
    process.communicate()
    assert not is_alive(owner, SOON)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_process_that_nobody_buries_is_dead():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = of(process)
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not is_alive(owner, SOON)
    process.communicate()


def test_an_earlier_process_with_this_very_pid_is_dead():
    assert not is_alive(f"{MACHINE}/{PID}/{float(STARTED) - 1000:.2f}", SOON)


def test_a_pid_with_another_start_is_believed_by_its_lease():
    # A stranger that got the pid, or the owner itself after the clock was set: nobody can tell which.
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = f"{MACHINE}/{process.pid}/1.00"
    assert is_alive(owner, SOON)
    assert not is_alive(owner, PAST)
    process.kill()
    process.communicate()


def test_an_owner_on_another_machine_is_believed_by_its_lease():
    assert is_alive("elsewhere/1/1.00", SOON)
    assert not is_alive("elsewhere/1/1.00", PAST)
