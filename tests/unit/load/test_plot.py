"""A sweep becomes a picture."""

from __future__ import annotations

import pytest

from longwave.load.objective import Objective
from longwave.load.plot import draw
from longwave.load.verdict import Verdict
from unit.load.examples import result

pytestmark = pytest.mark.slow  # matplotlib is slow to import


def test_picture_is_written(tmp_path):
    path = tmp_path / "curve.png"
    draw([result(100, 1.0), result(200, 0.0, verdict=Verdict.FAILED)], path, Objective("p99", 50.0))

    assert path.read_bytes().startswith(b"\x89PNG")


def test_picture_shows_every_percentile(tmp_path):
    path = tmp_path / "curve.svg"
    draw([result(100, 1.0), result(200, 2.0)], path)

    assert path.read_text().count("<use") > 10


def test_unknown_format_is_told(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        draw([result(100)], tmp_path / "curve.xyz")
