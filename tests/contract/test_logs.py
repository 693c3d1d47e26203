"""Every log keeps the contract."""

from __future__ import annotations

from longwave.logs.memory import MemoryLog
from longwave.logs.sqlite import SqliteLog
from longwave.testing.log_contract import LogContract


class TestMemoryLog(LogContract):
    durable = False

    def make_log(self, place, retention, clock):
        return MemoryLog(retention, clock=clock)


class TestSqliteLog(LogContract):
    def make_log(self, place, retention, clock):
        return SqliteLog(place / "log.db", retention, clock=clock)


class TestRelaxedSqliteLog(LogContract):
    def make_log(self, place, retention, clock):
        return SqliteLog(place / "log.db", retention, durability="relaxed", clock=clock)
