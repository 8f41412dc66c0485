"""Statistics: pure functions of numbers, without clocks, files or processes."""
