"""Clients of a hub: a publisher and a listener, over httpx2."""

from longwave.client.listener import Listener
from longwave.client.publisher import Publisher

__all__ = ["Listener", "Publisher"]
