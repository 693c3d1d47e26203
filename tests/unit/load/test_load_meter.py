"""The measured window is the one that was asked for."""

from __future__ import annotations

import time

from longwave.load.load_meter import LoadMeter
from longwave.load.messages import Load, Window


def test_window_is_measured_once():
    meter = LoadMeter()
    meter.start(Window(0, 100, 200))
    for moment, count in ((50, 1), (100, 10), (150, 20), (210, 30), (300, 99)):
        meter.look(moment, count)

    assert meter.counted == 20
    assert meter.load.wall == 110


def test_busy_process_shows_its_time():
    meter, begun = LoadMeter(), time.process_time_ns()
    meter.start(Window(0, 1, 2))
    meter.look(1, 0)
    while time.process_time_ns() - begun < 20_000_000:
        pass
    meter.look(20_000_001, 0)

    assert meter.load.share > 0.9


def test_window_that_did_not_end_has_no_load():
    meter = LoadMeter()
    meter.look(1, 5)
    meter.start(Window(0, 1, 2))
    meter.look(1, 5)

    assert meter.load == Load(0, 0, 0)
    assert meter.load.share == 0.0
    assert meter.counted == 0
