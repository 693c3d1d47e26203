"""Transports: each serves one subscription over one exchange, whatever server the exchange is on."""
