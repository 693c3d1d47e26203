"""For the tests of those who build on Longwave: a scripted server, a proxy with faults, and contract suites to pass.

Server and proxy need the standard library only. Each suite is a module of its own, because it needs pytest:
`longwave.testing.log_contract`.

The plugin loads this package before your conftest.py can ask for better failures of the suites, by
`pytest.register_assert_rewrite("longwave.testing")`; nothing here asserts, so: PYTEST_DONT_REWRITE.
"""

from longwave.testing.fault_proxy import FaultProxy
from longwave.testing.faults import Fault, Faults
from longwave.testing.recorded_request import Limits, RecordedRequest
from longwave.testing.script import (
    Answer,
    Cut,
    End,
    Framing,
    Gate,
    Item,
    Pause,
    Raw,
    Redirect,
    Refuse,
    Send,
    Silence,
    Stall,
    Step,
)
from longwave.testing.scripted_server import ScriptedServer

__all__ = [
    "Answer",
    "Cut",
    "End",
    "Fault",
    "FaultProxy",
    "Faults",
    "Framing",
    "Gate",
    "Item",
    "Limits",
    "Pause",
    "Raw",
    "RecordedRequest",
    "Redirect",
    "Refuse",
    "ScriptedServer",
    "Send",
    "Silence",
    "Stall",
    "Step",
]
