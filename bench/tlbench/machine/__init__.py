"""The machine: its fingerprint, its limits, and what disturbs measurements on it."""
