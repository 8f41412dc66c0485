"""Timing a stage: rounds, warm-up, budget, memory, energy, isolation."""
