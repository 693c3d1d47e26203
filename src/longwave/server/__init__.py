"""Our own HTTP server: it parses requests, routes them, and hands streams to the hub."""
