"""The result file's format, as JSON Schema, and whether a file has it.

pytest-benchmark's part is described as far as we rely on it; ours in full. ``VERSIONS`` has every
version ever written, since files of all of them are read.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 1}
POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}
SHARE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
TEXT: Schema = {"type": "string", "minLength": 1}
STAGES = (
    "resize", "extract", "train", "evaluate", "classify", "pipeline", "time_to_accuracy",
)  # fmt: skip
VERDICTS = ("unsynchronised", "single", "cold", "drifting", "noisy", "steady")


def _object(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    """An object that has these properties, and may have others that a later version adds."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


#: What every version has had.
ROW_1: Schema = {
    "workload": TEXT,
    "stage": {"enum": list(STAGES)},
    "track": {"enum": ["recompute", "cached", None]},
    "model": TEXT,
    "data": TEXT,
    "data_fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "engine": TEXT,
    "precision": TEXT,
    "device": {"type": "string", "pattern": "^(cpu|gpu(:[0-9]+)?)$"},
    "threads": COUNT,
    "batch_size": COUNT,
    "image_size": COUNT,
    "train_size": COUNT,
    "test_size": COUNT,
    "images": COUNT,
    "images_per_s": POSITIVE,
    "accuracy": SHARE,
    "accuracy_floor": SHARE,
    "accuracy_ceiling": SHARE,
    "load_s": POSITIVE,
    "first_call_s": POSITIVE,
    "peak_rss_bytes": _or_null(COUNT),
}
KERNEL: Schema = _object(
    {
        "median_s": POSITIVE,
        "spread": _or_null(NUMBER),
        "drift": _or_null(NUMBER),
        "drift_p": SHARE,
    }
)
NOISE: Schema = _object(
    {
        "verdict": {"enum": list(VERDICTS)},
        "reasons": {"type": "array", "items": TEXT},
        "reference_kernel": _or_null(KERNEL),
        "seen": {"type": ["object", "null"]},
    },
    ("reference_kernel",),
)
ROUND: Schema = _object(
    {
        "order": {"type": "integer", "minimum": 0},
        "timed": {"type": "boolean"},
        "started_at": POSITIVE,
        "seconds": POSITIVE,
        "unfinished_s": {"type": "number", "minimum": 0},
        "kernel_s": _or_null(POSITIVE),
        "noise": {"type": ["object", "null"]},
        "joules": _or_null(NUMBER),
    },
    ("kernel_s",),
)
SAMPLE: Schema = _object(
    {
        "image": {"type": "string", "pattern": "^[A-Za-z0-9+/]+={0,2}$"},
        "label": TEXT,
        "predicted": TEXT,
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
    },
    ("label",),
)
#: Since version 2: how sure a row is, and every round as it was.
ROW_2: Schema = ROW_1 | {
    "median_s": POSITIVE,
    "interval_s": _or_null({"type": "array", "items": POSITIVE, "minItems": 2, "maxItems": 2}),
    "interval_coverage": SHARE,
    "spread": _or_null(NUMBER),
    "warmed_up": {"type": ["boolean", "null"]},
    "noise": NOISE,
    "rounds": {"type": "array", "items": ROUND, "minItems": 1},
    "peak_device_bytes": _or_null(COUNT),
    "joules_per_image": _or_null(POSITIVE),
    "cost_per_million_images": _or_null(POSITIVE),
    "gflops_per_s": _or_null(POSITIVE),
    "peak_gflops_per_s": _or_null(POSITIVE),
    "peak_fraction": _or_null(POSITIVE),
    # A bit for each test image, as base64.
    "correct": _or_null({"type": "string", "pattern": "^[A-Za-z0-9+/]+={0,2}$"}),
    # A few images, as JPEG in base64, with what was predicted for them.
    "samples": _or_null({"type": "array", "items": SAMPLE}),
    # The engine beside the reference, on real images; and what lower precision keeps.
    "cosine": {"type": ["number", "null"], "minimum": -1, "maximum": 1.001},
    "top1_agreement": SHARE,
    "workers": _or_null(COUNT),
    "chunk": _or_null(COUNT),
    "accuracy_kept": _or_null(POSITIVE),
}
#: What files of version 2 have lacked.
OPTIONAL_2 = ("correct", "samples", "cosine", "top1_agreement", "workers", "chunk", "accuracy_kept")
STATS: Schema = _object({"data": {"type": "array", "items": POSITIVE, "minItems": 1}})


def _run(row: Schema, optional: tuple[str, ...]) -> Schema:
    ours = _object(row, optional)
    # A file may hold benchmarks of other suites beside ours; only a row with a stage is ours.
    info = {"if": {"required": ["stage"]}, "then": ours, "else": {"type": "object"}}
    benchmark = {"name": TEXT, "fullname": TEXT, "stats": STATS, "extra_info": info}
    machine = _object(
        {"tlbench": _object({"cpu": {"type": "string"}, "packages": {"type": "object"}})}
    )
    return _object(
        {
            "datetime": TEXT,
            "version": TEXT,
            "machine_info": machine,
            "benchmarks": {"type": "array", "items": _object(benchmark)},
            "tlbench": _object(
                {
                    "version": {"type": "integer"},
                    "not_measured": {"type": "object"},
                    "isolated": {"type": "boolean"},
                },
                ("isolated",),
            ),
        }
    )


#: The version that is written now.
CURRENT = 2
VERSIONS: dict[int, Schema] = {
    1: _run(ROW_1, ()),
    CURRENT: {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"tlbench result file, version {CURRENT}",
        **_run(ROW_2, OPTIONAL_2),
    },
}
