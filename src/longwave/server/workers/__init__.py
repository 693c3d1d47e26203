"""Several processes that serve as one hub."""
