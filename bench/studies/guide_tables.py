"""Generate all tables of the guides anew: ``python -m bench.studies.guide_tables``."""

from __future__ import annotations

from bench.studies import (
    backbones,
    cluster_model,
    extraction_tables,
    gate_tables,
    history_tables,
    measuring_tables,
    picture_tables,
    report_tables,
    robustness_tables,
    selecting,
    speed_tables,
)
from bench.studies.blocks import rewrite

#: The generated parts of each guide, by its path.
GUIDES = {
    each.GUIDE: each.BLOCKS
    for each in (
        *(backbones, cluster_model, extraction_tables, gate_tables, history_tables),
        *(measuring_tables, picture_tables, report_tables, robustness_tables),
        *(selecting, speed_tables),
    )
}


def main() -> None:
    """Rewrite the guides."""
    for guide, blocks in GUIDES.items():
        rewrite(guide, blocks)


if __name__ == "__main__":
    main()
