"""What is measured of a hub and its server, and how that is read."""
