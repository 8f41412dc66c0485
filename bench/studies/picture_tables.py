"""Tables of pictures from files; ``bench.studies.guide_tables`` puts them in the guide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.studies import convergence, photo_folder
from bench.studies.blocks import cell_line, heading, of_study, range_text
from bench.studies.speed_tables import measured_on

if TYPE_CHECKING:
    Study = dict[str, Any]


def decoders(study: Study) -> str:
    """Rates of decoders on one thread, and how far their pixels are from Pillow's."""
    lines = heading("decoder", "images/s", "MB/s", "megapixels/s", "largest difference",
                    "values that differ")  # fmt: skip
    rows = study["side_by_side"]
    for name in sorted(rows, key=lambda name: -rows[name]["images_per_s"]):
        row = rows[name]
        figures = [
            f"{row['images_per_s']:,.0f}",
            f"{row['megabytes_per_s']:,.0f}",
            f"{row['megapixels_per_s']:,.0f}",
            f"{row['largest_difference']}",
            f"{row['share_that_differs']:.2%}",
        ]
        lines.append(cell_line([f"`{name}`", *figures]))
    return "\n".join([*lines, "", measured_on(study)])


def fractions(study: Study) -> str:
    """Rates of decoding large pictures at fractions of their size, on one thread."""
    rates = study["fractions"]
    names = tuple(dict.fromkeys(key.partition(" ")[0] for key in rates))
    shares = tuple(dict.fromkeys(key.partition(" ")[2] for key in rates))
    lines = heading("decoded at", *(f"`{name}`, images/s" for name in names))
    for share in shares:
        lines.append(cell_line([share, *(f"{rates[f'{name} {share}']:.1f}" for name in names)]))
    return "\n".join(lines)


def scaled(study: Study) -> str:
    """What decoding at a fraction changes in features and accuracy."""
    lines = heading("image size", "decoded at", "decoded pixels per pixel", "allowed",
                    "least cosine", "top-1", "of full decoding")  # fmt: skip
    for row in study["scaled"]["rows"]:
        figures = [
            f"1/{row['shrink']}",
            f"{row['ratio']:.1f}",
            "yes" if row["allowed"] else "no",
            f"{row['least_cosine']:.4f}",
            f"{row['accuracy']:.3f}",
            f"{row['accuracy_kept']:.1%}",
        ]
        lines.append(cell_line([f"{row['image_size']}", *figures]))
    return "\n".join(lines)


def files_and_memory(study: Study) -> str:
    """Features from files, beside those from memory and each part alone."""
    lines = heading("engine", "from files, images/s", "from memory", "decoding alone",
                    "of memory", "of both parts added up", "n")  # fmt: skip
    for engine, row in study["files_and_memory"].items():
        rates = [
            range_text(row["rates"][part], "{:,.0f}") for part in ("files", "memory", "decode")
        ]
        shares = [f"{row[share]:.1%}" for share in ("of_memory", "of_decode_and_memory_added_up")]
        turns = str(len(row["rates"]["files"]))
        lines.append(cell_line([f"`{engine}`", *rates, *shares, turns]))
    return "\n".join([*lines, "", measured_on(study)])


def photographs(study: Study) -> str:
    """What training on a folder of photographs costs, and what it cost before."""
    return "\n".join([photo_folder.table(study), "", measured_on(study)])


GUIDE = "docs/images.md"
BLOCKS = (
    *convergence.BLOCKS,
    of_study("decoders", "decoding.json", decoders),
    of_study("fractions", "decoding.json", fractions),
    of_study("scaled", "decoding.json", scaled),
    of_study("files and memory", "decoding.json", files_and_memory),
    of_study("photographs", "photo-folder.json", photographs),
)
