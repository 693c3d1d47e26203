"""The console page of the hub, as files that a server sends as they are: no build step, no outside resource."""
