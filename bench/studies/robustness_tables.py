"""The tables of the guide of bad inputs and faults."""

from __future__ import annotations

from bench.studies import bad_inputs, odd_pictures

GUIDE = "docs/robustness.md"
BLOCKS = (*bad_inputs.BLOCKS, *odd_pictures.BLOCKS)
