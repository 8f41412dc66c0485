"""Which backbone, image size, engine and precision are best for somebody's pictures."""
