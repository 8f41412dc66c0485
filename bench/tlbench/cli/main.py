"""The ``tlbench`` command: a table of commands, each in a module that is loaded when called."""

from __future__ import annotations

import click

from tlbench.cli.command_line import CommandLine

#: What ``tlbench --help`` says about each command; its own help begins with the same sentence.
SHORT_HELPS = {
    "baseline": "Run a suite several times and store the runs as a baseline.",
    "bisect": "Find the commit since which a benchmark is slower.",
    "check": "Validate result files.",
    "classify": "Classify images with a pretrained model.",
    "compare": "Compare runs: speed ratios and whether they are significant.",
    "completion": "Print a shell's completion script.",
    "extract": "Write the features of any number of pictures to Parquet files.",
    "gate": "Decide whether a candidate is slower or less accurate than a base.",
    "history": "Show results over time and where they changed.",
    "machine": "Describe this machine and measure its peak speeds.",
    "models": "List available models: input, cost, features and measured accuracy.",
    "predict": "Classify pictures with a model that tlbench train saved.",
    "report": "Write one HTML page about runs.",
    "select": "Find the best backbone, image size, engine and precision for PICTURES.",
    "train": "Train a classifier on DATA and report its test accuracy.",
}


@click.group(
    "tlbench",
    cls=CommandLine,
    short_helps=SHORT_HELPS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tlbench")
def main() -> None:
    """Measure, compare and gate the speed of Python code, and its accuracy.

    `pytest --benchmark` runs the suite for transfer learning on TensorFlow Hub image models.
    """
