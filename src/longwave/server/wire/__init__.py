"""Requests and responses as bytes on connections, and streams on sockets."""
