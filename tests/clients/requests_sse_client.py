"""requests-sse, as the measures use it; a new token comes from a hook of requests, as its own digest authentication."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import requests
from requests_sse import EventSource

from clients.client import Client


class RequestsSse(Client):
    token_from = "by your requests hook"

    def read(self, url, wish, reading):
        with (
            _Waits(reading),
            EventSource(
                url,
                method=wish.method,
                reconnection_time=timedelta(seconds=wish.retry),
                timeout=wish.idle,
                latest_event_id=wish.last_event_id,
                data=wish.body,
                auth=_Renewing(wish.token) if wish.token else None,
            ) as self.source,
        ):
            for event in self.source:
                reading.event(event.data, event.type, event.last_event_id)

    def close(self):
        self.source.close()


class _Waits(logging.Handler):
    """Takes the waits from the client's log, the only place where it tells them."""

    def __init__(self, reading) -> None:
        super().__init__(logging.DEBUG)
        self._reading = reading
        self._thread = threading.get_ident()
        self._logger = logging.getLogger("requests_sse.client")

    def __enter__(self):
        self._logger.addHandler(self)
        self._logger.setLevel(logging.DEBUG)

    def __exit__(self, *_):
        self._logger.removeHandler(self)

    def emit(self, record):
        if record.thread == self._thread and record.msg.startswith("wait %s seconds"):
            self._reading.lost(record.args[0])


class _Renewing(requests.auth.AuthBase):
    """Sends a token, and asks for another one when it is refused."""

    def __init__(self, ask) -> None:
        self._ask = ask
        self._token = ask()

    def __deepcopy__(self, _):
        return self  # EventSource copies its arguments

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self._token}"
        request.register_hook("response", self._renew)
        return request

    def _renew(self, response, **options):
        if response.status_code != 401:
            return response
        _ = response.content  # gives the connection back
        self._token = self._ask()
        again = response.request.copy()
        again.headers["Authorization"] = f"Bearer {self._token}"
        return response.connection.send(again, **options)
