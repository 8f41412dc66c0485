"""Write the JSON Schema of result files: ``python -m bench.studies.result_schema``.

It is made from the row's type, and for other programs; this package validates by the type itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bench.studies.files import ROOT, write_json
from tlbench.runs.read import Facts, OtherBenchmark, ResultFile
from tlbench.runs.row import CURRENT, SINCE_2

TARGET = ROOT / "results" / "schema" / f"tlbench-{CURRENT}.json"
REFERENCE = "#/$defs/{name}"


def schema() -> dict[str, Any]:
    """The schema of the current version."""
    _, parts = msgspec.json.schema_components(
        (ResultFile, OtherBenchmark, Facts), ref_template=REFERENCE
    )
    for part in parts.values():
        part["description"] = part["description"].partition("\n")[0]
    parts["Row"]["required"] += SINCE_2
    parts["ResultFile"]["required"].append("tlbench")
    parts["Machine"]["properties"]["tlbench"] = {"$ref": REFERENCE.format(name="Facts")}
    # A file may hold benchmarks of other suites beside ours; only a row with a stage is ours.
    other = parts.pop("OtherBenchmark")["properties"]["extra_info"]
    own = parts["Benchmark"]["properties"]["extra_info"]
    parts["Benchmark"]["properties"]["extra_info"] = {
        "if": {"required": ["stage"]},
        "then": own,
        "else": other,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **parts.pop("ResultFile"),
        "title": f"tlbench result file, version {CURRENT}",
        "$defs": parts,
    }


if __name__ == "__main__":
    write_json(TARGET, schema())
