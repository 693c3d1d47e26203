"""Logs: the ordered, durable history of updates that everything else reads from."""
