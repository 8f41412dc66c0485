"""Timing a stage, and describing the machine that it ran on."""
