"""The decisions of the hub, without I/O: bytes, time and randomness come in as arguments."""
