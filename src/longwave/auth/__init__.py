"""Who may publish and subscribe."""
