"""What clients may use up: connections, streams, rates, memory; and what they are told above that."""
