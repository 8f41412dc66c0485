"""Is the head slower than the base? Pass, fail or inconclusive, with a known false-alarm rate."""
