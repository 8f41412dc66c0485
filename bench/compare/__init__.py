"""Runs beside runs: which belong together, and whether they differ. Nothing here measures."""
