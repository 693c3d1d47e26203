"""The client for threads: written by scripts/sync-client from the async one, but for `waiting` and `transports`."""
