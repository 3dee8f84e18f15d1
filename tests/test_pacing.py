"""Training in the background: a loop left free for others, and every way in which a run ends."""

import asyncio

import numpy as np
import pytest
from event_loops import in_a_thread

from cnnkit.errors import OptionError
from cnnkit.widgets import TrainingPlayground
from cnnkit.widgets.pacing import Pacer


def test_running_leaves_the_loop_to_others_and_stops():
    async def watch():
        playground = TrainingPlayground(steps=0)
        playground.run()
        assert playground.running
        assert playground.trained.steps == 0  # not one step before the loop is free again
        while playground.trained.steps < 30:
            await asyncio.sleep(0.01)
        playground.pause()
        steps = playground.trained.steps
        await asyncio.sleep(0.3)
        assert (playground.running, playground.trained.steps) == (False, steps)
        assert playground.summary.startswith(f"Paused. Step {steps}")
        return playground

    playground = in_a_thread(asyncio.run, watch())
    assert playground.trained.measured == TrainingPlayground(steps=playground.trained.steps).trained.measured


def test_a_run_ends_by_itself(monkeypatch):
    monkeypatch.setattr("cnnkit.widgets.training_playground.AT_MOST", 7)

    async def watch():
        playground = TrainingPlayground(steps=5)
        playground.run()
        while playground.running:
            await asyncio.sleep(0.01)
        return playground

    playground = in_a_thread(asyncio.run, watch())
    assert playground.trained.steps == 12
    assert playground.summary.startswith("Paused after 7 steps")


def test_closing_stops_the_run_and_a_second_one_takes_over():
    async def watch():
        first, second = TrainingPlayground(steps=0), TrainingPlayground(steps=0)
        first.run()
        second.run()
        assert (first.running, second.running) == (False, True)
        second.close()
        assert not second.running
        await asyncio.sleep(0.2)
        assert (first.trained.steps, second.trained.steps) == (0, 0)

    in_a_thread(asyncio.run, watch())


def test_an_error_stops_the_run_and_is_shown():
    async def watch():
        playground = TrainingPlayground(steps=0)
        playground.trained.trainer.step = lambda: 1 / 0
        playground.run()
        while playground.running:
            await asyncio.sleep(0.01)
        return playground

    playground = in_a_thread(asyncio.run, watch())
    assert playground.summary.startswith("Stopped by an error, ZeroDivisionError: division by zero")


def test_without_a_notebook_it_says_what_to_do():
    playground = TrainingPlayground(steps=0)
    with pytest.raises(OptionError, match="needs a notebook"):
        in_a_thread(playground.run)
    assert not playground.running


def test_a_loop_that_ends_leaves_nothing_behind_and_another_one_goes_on(recwarn):
    async def begin(playground):
        playground.run()
        while playground.trained.steps < 3:
            await asyncio.sleep(0.01)

    playground = TrainingPlayground(steps=0)
    in_a_thread(asyncio.run, begin(playground))  # as when a kernel stops, or a page takes its thread away
    steps = playground.trained.steps
    assert not playground._pacer.running
    playground.trained.step()
    in_a_thread(asyncio.run, begin(playground))
    playground.close()
    assert playground.trained.steps >= steps + 1
    assert not recwarn.list


def test_a_setting_that_changes_in_a_run_starts_it_anew_and_it_goes_on():
    async def watch():
        playground = TrainingPlayground(steps=20)
        playground.run()
        playground.dropout = 0.3
        assert (playground.running, playground.trained.steps) == (True, 0)
        while playground.trained.steps < 5:
            await asyncio.sleep(0.01)
        playground.close()

    in_a_thread(asyncio.run, watch())


def test_the_pacer_waits_as_long_as_it_is_told():
    async def watch():
        loop = asyncio.get_running_loop()
        calls, ends = [], []
        pacer = Pacer(lambda: calls.append(loop.time()) or (0.05 if len(calls) < 3 else None), ends.append)
        pacer.start()
        pacer.start()
        while pacer.running:
            await asyncio.sleep(0.01)
        pacer.stop()
        return calls, ends

    calls, ends = in_a_thread(asyncio.run, watch())
    assert ends == [None]
    assert len(calls) == 3
    assert min(np.diff(calls)) >= 0.04
