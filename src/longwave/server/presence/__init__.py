"""Who subscribes to what: told to everybody, and listed."""
