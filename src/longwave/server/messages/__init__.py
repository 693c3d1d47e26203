"""What the operator is told: the form of messages, and those about requests that were refused."""
