"""``tlbench extract``."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from tl_core.errors import TransferLearningError
from tlbench.cli.command_line import count
from tlbench.cli.options import NETWORK, json_option, number_option, own_images, suite_options
from tlbench.errors import InputError, OptionError
from tlbench.numbers import COUNTS, Numbers
from tlbench.suite.extra import check_installed
from tlbench.suite.library_log import library_messages
from tlbench.suite.quiet import import_tensorflow_later
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from tl_core.extraction import Extraction, Settings

#: Packages of the extra, by the names that they are imported by.
PACKAGES = ("pyarrow", "fsspec")
PROCESSES = Numbers(1, 100_000)


@click.command(epilog="Example: tlbench extract photos/ -o features/ --engine openvino")
@click.argument("source", metavar="SOURCE")
@click.option(
    "-o", "--output", required=True, metavar="DIR|URL", help="folder for the Parquet files"
)
@click.option("--column", metavar="NAME", help="Parquet column that has the pictures")
@number_option("--shard-size", "pictures per Parquet file", COUNTS, default=1024)
@click.option("--ray", metavar="ADDRESS", help="Ray cluster: HOST:PORT, auto, or local")
@number_option(
    "--ray-workers", "worker processes on the cluster (default: one per node)", PROCESSES
)
@json_option
@suite_options(*NETWORK, "image_size", "batch_size", "limit")
def extract(
    *,
    source: str,
    output: str,
    column: str | None,
    shard_size: int,
    ray: str | None,
    ray_workers: int | None,
    suite: dict[str, str],
    as_json: bool,
) -> None:
    """Write the features of any number of pictures to Parquet files.

    SOURCE is a folder, a pattern such as 'photos/*.jpg', a .txt file with a path or URL per line,
    a Parquet file or a folder of such, or a URL of one of these.

    If it is interrupted, run the same command again: it resumes. Pictures that can't be read are
    counted, and have an error in place of features.

    Exit code 0: done; 2: bad input, or stopped.
    """
    check_installed("tlbench extract")
    _check_packages()
    if ray is None and ray_workers is not None:
        raise OptionError("--ray-workers: expected --ray, too, with a cluster's address")
    options = own_images(suite)
    try:
        with library_messages(say):
            from tlbench.suite.extraction import settings_of

            settings = settings_of(options, shard_size)
            done = _run((source, column, output), settings, ray, ray_workers)
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    if as_json:
        show_json(done.record)
    else:
        show([_line(done)])


def _run(
    places: tuple[str, str | None, str], settings: Settings, ray: str | None, workers: int | None
) -> Extraction:
    from tl_core import extraction
    from tlbench.machine.fingerprint import fingerprint

    source, column, output = places
    pictures = extraction.find_source(source, column)
    with ExitStack() as stack:
        pool: extraction.Pool = extraction.OneMachine()
        if ray is not None:
            from tl_core.cluster import connected
            from tl_core.extraction.ray_pool import RayPool

            pool = RayPool(stack.enter_context(connected(ray)), workers, settings.threads)
        import_tensorflow_later(settings.device)
        return extraction.extract(pictures, output, settings, pool=pool, machine=fingerprint())


def _check_packages() -> None:
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise InputError(f"tlbench extract needs {absent[0]}: pip install 'tlbench[extract]'")


def _line(done: Extraction) -> str:
    rate = done.images_per_s
    speed = "nothing left to do" if rate is None else f"{rate:,.0f} images/s"
    pictures, errors = count(done.pictures, "picture"), count(done.errors, "error")
    return f"{pictures}, {errors}, {speed}, in {done.output}"
