"""What a hub answers, for scripts of `longwave.testing.ScriptedServer`.

Not here: streams and failures, which the script's own values say (longwave/testing/script.py).
"""

from __future__ import annotations

import json

from longwave.testing import Answer, Framing, Send


def answer(status, text="", **headers):
    """A complete response with a length; headers by their names, `Retry_After` for `Retry-After`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": None} | given, [Send(text.encode())] if text else [], Framing.LENGTH)


def ids(*names, **headers):
    """What a hub says of updates that it stored."""
    return answer(200, json.dumps({"ids": names}), **{"Content_Type": "application/json"} | headers)
