"""From a handle and an engine's name to a network that is equivalent to the reference."""

from __future__ import annotations

import importlib
import logging
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.conversion.cache import cached, cached_json, known_json
from tl_core.conversion.opening import model_facts
from tl_core.devices import (
    Devices,
    cpu_flags,
    ready_tensorflow,
    select_devices,
    set_threads,
    tensorflow_later,
)
from tl_core.engines.chunk_pilot import tuned_chunk
from tl_core.engines.finding import find_model
from tl_core.engines.names import (
    AUTO,
    ENGINES,
    REFERENCE,
    check_device,
    check_engine,
    has_runtime,
    is_installed,
    runtime_of,
)
from tl_core.engines.protocol import call_size
from tl_core.engines.tuning import Choice, fastest, tuned
from tl_core.equivalence import (
    IMAGES,
    Equivalence,
    images_digest,
    instead_of,
    real_images,
    verify,
)
from tl_core.errors import DeviceError, ModelError, TransferLearningError
from tl_core.models.settings import SINGLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.engines.protocol import Network
    from tl_core.models import Kind, Model, NetworkSettings

log = logging.getLogger(__name__)

#: Images that the reference runs at once for the comparison with other engines.
BATCH = 20
#: The least number of images for which choosing an engine saves time. Conversions and pilots take
#: as long as about 15,000 images in the reference (EfficientNet-Lite0 at 160 pixels): an engine
#: that is twice as fast has saved this time after 30,000 images.
WORTH_CHOOSING = 30_000


@dataclass(frozen=True)
class Opened:
    """A network, ready to run, with its model and its engine's name; of ``auto``, the chosen one's.

    On the CPU, ``equivalence`` is None for the reference in single precision, and ``choice`` for
    engines without workers and chunk.
    """

    network: Network
    model: Model
    engine: str
    equivalence: Equivalence | None = None
    choice: Choice | None = None


def open_model(handle: str, kind: Kind, engine: str, settings: NetworkSettings) -> Opened:
    """Resolve a handle and load it in an engine, one of ``engine_names()``.

    Raises:
        ModelError: No such engine or model, the wrong kind of model, one that the engine can't
            run, a precision that it doesn't have on the device, or an engine that computes
            something else than the reference.
        DeviceError: No such device, or threads that can't be set any more.
    """
    check_engine(engine, settings.precision, settings.device)
    log.info("opening %s in the engine %s", handle, engine)
    with _set_up(engine, settings) as devices:
        model = find_model(handle, kind, settings)
        if engine == AUTO:
            engine = _fastest(model, devices, settings)
        return _open(model, engine, devices, settings)


def engine_for(handle: str, kind: Kind, settings: NetworkSettings, images: int) -> str:
    """The engine to use for this number of images if the user names none.

    It is the one that ``auto`` has chosen for these settings before. Otherwise, it is ``auto`` from
    ``WORTH_CHOOSING`` images on, or if the reference doesn't fit the settings. For fewer images it
    is the reference: choosing would take longer than a faster engine saves.
    """
    with _set_up(AUTO, settings):
        model = find_model(handle, kind, settings)
    chosen = known_json(_choice_facts(model, settings))
    pinned = settings.workers is not None or settings.chunk is not None
    fits = settings.precision in ENGINES[REFERENCE].precisions_on(settings.device) and not pinned
    if chosen is not None:
        return str(chosen)
    return REFERENCE if fits and images < WORTH_CHOOSING else AUTO


@contextmanager
def _set_up(engine: str, settings: NetworkSettings) -> Iterator[Devices]:
    """Start TensorFlow with its threads and devices if it runs the network; else only if needed."""
    if settings.device == "cpu" and has_runtime(engine):
        with tensorflow_later(settings.threads):
            yield Devices("cpu", ("CPU:0",))
    else:
        yield _start_tensorflow(settings)


def _start_tensorflow(settings: NetworkSettings) -> Devices:
    """Set threads and devices, or check them if TensorFlow already runs."""
    if settings.threads is not None:
        set_threads(settings.threads)
    return select_devices(settings.device)


def _open(model: Model, engine: str, devices: Devices, settings: NetworkSettings) -> Opened:
    """One engine, with its workers tuned, compared with the reference."""
    check_device(engine, devices)
    _check_workers(engine, devices, settings)
    if has_runtime(engine):
        runtime_of(engine)
    else:
        _start_tensorflow(settings)  # a second time, unless ``auto`` tries it
    if (engine, settings.precision, devices.spec) == (REFERENCE, SINGLE, "cpu"):
        return Opened(_network(model, engine, devices, settings), model, engine)
    try:
        return _compared(model, engine, devices, settings)
    except TransferLearningError:
        raise
    except Exception as error:  # each converter and compiler has errors of its own
        if KeyboardInterrupt.__name__ in str(error):  # native code made this of it
            raise KeyboardInterrupt from error
        first = (str(error).splitlines() or [""])[0]
        on_gpu = (engine, settings.precision) == (REFERENCE, SINGLE)
        other = "device cpu" if on_gpu else instead_of(settings.precision)
        raise ModelError(
            f"engine {engine} can't run {model.handle} ({type(error).__name__}: {first}); use "
            f"{other}"
        ) from error


def _check_workers(engine: str, devices: Devices, settings: NetworkSettings) -> None:
    """Refuse workers on GPUs; and on the CPU, with chunks, for engines that TensorFlow runs."""
    if devices.spec == "cpu":
        if not has_runtime(engine) and (settings.workers, settings.chunk) != (None, None):
            raise ModelError(
                f"engine {engine}: it has no workers and chunks; leave out both numbers"
            )
    elif settings.workers is not None:
        raise ModelError(
            f"engine {engine} on device {devices.spec}: {settings.workers} workers, expected one "
            "per GPU; leave out the number, and choose GPUs by the device"
        )


def _compared(model: Model, engine: str, devices: Devices, settings: NetworkSettings) -> Opened:
    def opened(how: NetworkSettings) -> Any:  # noqa: ANN401 - of the class that the pilot takes
        return _network(model, engine, devices, how)

    if devices.spec == "cpu":
        choice = tuned(model, engine, settings, opened)
    else:
        choice = tuned_chunk(model, engine, devices, settings, opened)
    if choice:
        settings = replace(settings, workers=choice.workers, chunk=choice.chunk)
    network = opened(settings)
    size = network.image_size
    equivalence = verify(
        network,
        size,
        _reference_outputs(model, size, settings),
        model.kind,
        engine=engine,
        precision=settings.precision,
        count=call_size(network, IMAGES),  # with as many images at once as it will run
    )
    if choice:  # whose chunk may have been halved just now
        choice = replace(choice, chunk=getattr(network, "chunk", choice.chunk))
    return Opened(network, model, engine, equivalence, choice)


def _network(model: Model, engine: str, devices: Devices, settings: NetworkSettings) -> Network:
    module = importlib.import_module(ENGINES[engine].module)
    network: Network = module.open_network(model, devices, settings)
    return network


def _fastest(model: Model, devices: Devices, settings: NetworkSettings) -> str:
    """The fastest of the installed engines that are equivalent to the reference.

    A pilot chooses it once. The choice is cached, so that all processes use the same engine.
    """

    def compute() -> str:
        opened, refused = {}, []
        for engine in _able(settings):
            log.info("trying the engine %s, once", engine)
            try:
                opened[engine] = _open(model, engine, devices, settings).network
            except (ModelError, DeviceError) as error:
                refused.append(str(error))
        if not opened:
            raise ModelError(f"engine auto: none can run this model: {'; '.join(refused)}")
        return fastest(opened)

    return str(cached_json(_choice_facts(model, settings), compute))


def _able(settings: NetworkSettings) -> list[str]:
    """The engines from which ``auto`` may choose here."""
    return [
        name
        for name, engine in ENGINES.items()
        if engine.automatic
        and settings.precision in engine.precisions_on(settings.device)
        and is_installed(name)
    ]


def _choice_facts(model: Model, settings: NetworkSettings) -> dict[str, object]:
    """All that the choice of ``auto`` depends on."""
    able = _able(settings)
    return {
        **model_facts(
            model, settings.image_size, (each for name in able for each in ENGINES[name].packages)
        ),
        "format": "fastest engine, 3",
        "engines": able,
        "settings": asdict(settings),
        "cpu": cpu_flags(),
    }


def _reference_outputs(model: Model, size: int, settings: NetworkSettings) -> NDArray[np.float32]:
    """The reference's outputs for ``real_images(size)``, cached by content."""
    file, images = "outputs.npy", real_images(size)
    facts = {
        **model_facts(model, size),
        "format": "reference outputs",
        "images": images_digest(images),
    }

    def write(folder: Path) -> None:
        plain = replace(
            settings, image_size=size, precision=SINGLE, device="cpu", workers=None, chunk=None
        )
        ready_tensorflow()
        network = _network(model, REFERENCE, select_devices("cpu"), plain)
        parts = [network(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        np.save(folder / file, np.concatenate(parts))

    outputs: NDArray[np.float32] = np.load(cached(facts, write) / file)
    return outputs
