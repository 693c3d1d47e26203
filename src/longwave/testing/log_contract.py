"""The contract of a log as a suite of tests, for every log there is and for those you write.

    class TestMyLog(LogContract):
        def make_log(self, place, retention, clock):
            return MyLog(place / "log", retention, clock=clock)

Needs pytest and pytest-asyncio; `pytest.register_assert_rewrite("longwave.testing")` in your conftest.py makes failures
tell more. Not here: the contract in words (logs/base.py).
"""

from __future__ import annotations

from longwave.testing.log_append_contract import AppendContract
from longwave.testing.log_read_contract import ReadContract
from longwave.testing.log_tail_contract import TailContract


class LogContract(AppendContract, ReadContract, TailContract):
    """All of the contract: subclass it, give `make_log`, and name the subclass Test...; see the module.

    Set `durable = False` for a log that is gone when it is closed.
    """
