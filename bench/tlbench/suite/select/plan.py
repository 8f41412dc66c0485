"""What a search has to try: backbones, image sizes, engines, and samples of the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tl_core.conversion.opening import own_size
from tl_core.engines.finding import find_model
from tl_core.engines.names import AUTO, ENGINES, check_engine, is_installed
from tl_core.errors import ModelError
from tl_core.models import NetworkSettings, embedded
from tl_core.models.settings import PRECISIONS
from tlbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Sides of the input that are tried besides a backbone's own, where they are smaller.
SIZES = (224, 192, 160, 128, 96)
#: How models are read where nothing is set.
DEFAULTS = NetworkSettings()
#: Side of the input of a backbone that takes any and names none.
USUAL = 224
#: Images of the first sample at least, and of each class; each further sample is so many times as
#: large.
FIRST, FIRST_EACH, GROWTH = 200, 10, 4
#: Not tried on CPUs unless it is asked for: it was 40 times as slow as TensorFlow itself, and
#: compiling takes long (results/studies/engines.json).
SLOW_ON_CPUS = "tensorflow-xla"


@dataclass(frozen=True)
class Plan:
    """What a search tries.

    Attributes:
        sizes: Sides of the input in pixels by backbone, its own first.
        engines: Engines with precisions; the first precision is that of the first comparison.
        samples: How many images candidates are compared on, look by look.
        budget_s: Seconds for all.
    """

    sizes: Mapping[str, tuple[int, ...]]
    engines: tuple[tuple[str, str], ...]
    samples: tuple[int, ...]
    budget_s: float


def backbones() -> tuple[str, ...]:
    """The embedded backbones whose packages are installed."""
    return tuple(
        name for name, each in embedded.MODELS.items() if find_spec(each.package.replace("-", "_"))
    )


def samples_of(images: int, classes: int) -> tuple[int, ...]:
    """Growing numbers of images, up to all of them, each ``GROWTH`` times the one before."""
    least = max(FIRST, FIRST_EACH * classes)
    samples = [images]
    while samples[0] // GROWTH >= least:
        samples.insert(0, samples[0] // GROWTH)
    return tuple(samples)


def sizes_by_backbone(
    models: Sequence[str] = (),
    wanted: Sequence[int] = (),
    settings: NetworkSettings = DEFAULTS,
) -> dict[str, tuple[int, ...]]:
    """Sides of the input to try in pixels; ``models`` are handles, all embedded ones if empty.

    ``settings`` say how they are read; ModelError for one that can't be.
    """
    sizes = {}
    for handle in dict.fromkeys(models or backbones()):
        model = find_model(handle, "features", settings)
        sizes[handle] = sizes_of(None if wanted else own_size(model), wanted)
    return sizes


def sizes_of(own: int | None, wanted: Sequence[int] = ()) -> tuple[int, ...]:
    """Sides of the input to try in pixels: those that are wanted, else the own and smaller ones."""
    if wanted:
        return tuple(dict.fromkeys(wanted))
    first = own or USUAL
    return (first, *(size for size in SIZES if size < first))


def engines_of(
    device: str, engines: Sequence[str] = (), precisions: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Engines that can run here with what they compute in, single precision first.

    Args:
        device: ``cpu``, ``gpu`` or ``gpu:N``.
        engines: Names of those that are wanted; none or ``auto`` takes all that are installed.
        precisions: Those that are wanted; none takes all.

    Raises:
        InputError: A name that isn't known, or none that fits.
    """
    _check(engines, precisions, device)
    wanted = [name for name in engines if name != AUTO]
    names = wanted or [
        name
        for name, engine in ENGINES.items()
        if engine.automatic
        and is_installed(name)
        and engine.precisions_on(device)
        and (device != "cpu" or name != SLOW_ON_CPUS)
    ]
    able = tuple(
        (name, precision)
        for precision in PRECISIONS
        if not precisions or precision in precisions
        for name in dict.fromkeys(names)
        if precision in ENGINES[name].precisions_on(device)
    )
    if not able:
        raise InputError(
            f"no engine of {', '.join(names)} computes in {' or '.join(precisions or PRECISIONS)} "
            f"on device {device}; leave the engine out to try all that do"
        )
    return able


def _check(engines: Iterable[str], precisions: Iterable[str], device: str) -> None:
    try:
        for name in engines:
            check_engine(name, "fp32")
        for precision in precisions:
            check_engine(AUTO, precision, device)
    except ModelError as error:
        raise InputError(f"--{error}") from error
