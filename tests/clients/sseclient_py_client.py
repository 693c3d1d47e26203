"""sseclient-py, as the measures use it: over a response of httpx, one of the three ways that its page shows."""

from __future__ import annotations

import ssl

import httpx
import sseclient

from clients.client import Client

TRUST = ssl.create_default_context()  # as reading the certificates takes longer than most measures


class SseclientPy(Client):
    reconnects = False

    def read(self, url, wish, reading):
        headers = {"Last-Event-ID": wish.last_event_id} if wish.last_event_id else {}
        if wish.token is not None:
            headers["Authorization"] = f"Bearer {wish.token()}"
        timeout = httpx.Timeout(5.0, read=wish.idle)
        with (
            httpx.Client(headers=headers, timeout=timeout, verify=TRUST, follow_redirects=True) as client,
            client.stream(wish.method, url, content=wish.body) as response,
        ):
            self.source = sseclient.SSEClient(response.iter_bytes())
            for event in self.source.events():
                reading.event(event.data, event.event, event.id)

    def close(self):
        self.source.close()
