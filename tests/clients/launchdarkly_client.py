"""launchdarkly-eventsource, as the measures use it: with the strategies that its documentation has for reconnecting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import urllib3
from ld_eventsource import SSEClient
from ld_eventsource.actions import Comment, Event, Fault
from ld_eventsource.async_client import AsyncSSEClient
from ld_eventsource.config import ConnectStrategy, ErrorStrategy, RetryDelayStrategy
from ld_eventsource.config.async_connect_strategy import AsyncConnectStrategy

from clients.client import Client

if TYPE_CHECKING:
    from clients.client import Wish
    from clients.reading import Reading

JITTER = 0.5


def _strategies(wish: Wish, reading: Reading) -> dict[str, object]:
    return {
        "initial_retry_delay": wish.retry,
        "retry_delay_strategy": RetryDelayStrategy.default(jitter_multiplier=JITTER),
        "last_event_id": wish.last_event_id or None,
        # ErrorStrategy.always_continue(), but for the end of the measure: `close` does not end its attempts
        "error_strategy": ErrorStrategy.from_lambda(
            lambda _: (ErrorStrategy.FAIL if reading.stopped else ErrorStrategy.CONTINUE, None)
        ),
    }


def _headers(wish: Wish) -> dict[str, str]:
    return {"Authorization": f"Bearer {wish.token()}"} if wish.token else {}


def _tell(action: object, client: SSEClient | AsyncSSEClient, reading: Reading) -> None:
    match action:
        case Event():
            reading.event(action.data, action.event, action.last_event_id)
        case Comment():
            reading.comment(action.comment.removeprefix(" "))
        case Fault():
            reading.lost(client.next_retry_delay, action.error)


class LaunchDarkly(Client):
    def read(self, url, wish, reading):
        options = {"timeout": urllib3.Timeout(connect=5.0, read=wish.idle), "body": wish.body}
        connect = ConnectStrategy.http(url, headers=_headers(wish), urllib3_request_options=options)
        self.source = SSEClient(connect, **_strategies(wish, reading))
        for action in self.source.all:
            _tell(action, self.source, reading)

    def close(self):
        self.source.close()

    def restart(self):
        self.source.interrupt()


class LaunchDarklyAsync(Client):
    is_async = True
    caution = "experimental"

    async def read(self, url, wish, reading):
        options = {"timeout": aiohttp.ClientTimeout(total=None, sock_read=wish.idle), "data": wish.body}
        connect = AsyncConnectStrategy.http(url, headers=_headers(wish), aiohttp_request_options=options)
        self.source = AsyncSSEClient(connect, **_strategies(wish, reading))
        async for action in self.source.all:
            _tell(action, self.source, reading)

    async def close(self):
        await self.source.close()

    async def restart(self):
        await self.source.interrupt()


LaunchDarkly.others = (LaunchDarklyAsync,)
