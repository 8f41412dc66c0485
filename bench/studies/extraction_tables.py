"""The tables of the guide of extraction."""

from __future__ import annotations

from bench.studies import extraction, extraction_kills

GUIDE = "docs/extract.md"
BLOCKS = (*extraction.BLOCKS, *extraction_kills.BLOCKS)
