"""A result is plain JSON."""

from __future__ import annotations

import json

from unit.load.examples import result


def test_result_survives_json():
    plain = result(100, 3.0).to_json()

    assert json.loads(json.dumps(plain)) == json.loads(json.dumps(plain, sort_keys=True))
    assert plain["format"] == 1
    assert plain["verdict"] == "valid"
    assert plain["scenario"]["distribution"] == "broadcast"
    assert plain["scenario"]["rate"] == 100
    assert plain["delivery"]["p99"] == 3.0
    assert plain["server"]["at_end"]["rss"] == 2**20
