"""What a server measures of itself, and the page that tells it.

Not here: the numbers of the hub (core/counters.py), which metrics there are (metric_families.py).

Rule that always holds: where metrics are off, nothing that only they need is imported, and no other worker can ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.server.metrics.metrics_access import MetricsAccess
from longwave.server.metrics.request_counts import RequestCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from longwave.hub import Hub
    from longwave.server.metrics.metrics import Metrics
    from longwave.server.metrics.metrics_page import MetricsPage
    from longwave.server.metrics.sample_exchange import SampleExchange


class Measuring:
    """Part of a site. requests: to be told of each answer. page: None where metrics are off.

    connections: tells how many are open. limit_keys: tells of how many clients each limit knows.
    exchange: of metrics with other workers, if there are any.
    """

    def __init__(
        self,
        hub: Hub,
        access: MetricsAccess,
        connections: Callable[[], int],
        exchange: SampleExchange | None = None,
        *,
        limit_keys: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.requests = RequestCounts()
        self.page: MetricsPage | None = None
        self._metrics: Metrics | None = None
        if access is MetricsAccess.OFF:
            return
        from longwave.server.metrics.metrics import Metrics  # takes 50 ms, as it brings prometheus_client
        from longwave.server.metrics.metrics_page import MetricsPage

        self._metrics = Metrics(hub, self.requests, connections, exchange, limit_keys=limit_keys)
        self.page = MetricsPage(self._metrics, access)

    async def open(self) -> None:
        """Let other workers ask."""
        if self._metrics is not None:
            await self._metrics.open()

    async def close(self) -> None:
        """Let them ask no more; safe to call again."""
        if self._metrics is not None:
            await self._metrics.close()
