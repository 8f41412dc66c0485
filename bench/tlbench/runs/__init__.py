"""Result files: the row, reading, writing, validation."""
