"""The forms of a model handle, and how each becomes a SavedModel folder."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tl_core.errors import ModelError
from tl_core.models import (
    archive,
    embedded,
    hub,
    keras_applications,
    keras_files,
    keras_hub_presets,
)
from tl_core.models.pins import PIN, check_folder, check_pin, split_pin, without_pin
from tl_core.models.savedmodel import fault
from tl_core.storage import sha256_of

if TYPE_CHECKING:
    from tl_core.models.settings import Kind

#: The forms of a handle, for help texts and errors.
FORMS = (
    f"{', '.join(embedded.MODELS)} (embedded, need no network)",
    "a TensorFlow Hub or Kaggle URL (https://...)",
    "a SavedModel folder",
    "a .tar.gz of a SavedModel folder",
    "a .keras or .h5 file of a whole Keras model",
    "keras:NAME of tf_keras.applications, such as keras:MobileNetV2",
    "keras_hub:NAME of a Keras Hub preset, or of its folder",
)
_FEATURES = re.compile(r"feature([-_])vector")
_ENDING = re.compile(r"\.(tar\.gz|tgz)$")
#: Words of classifiers' handles: Hub's form, alone or at a name's end, or "classifier" alone.
_CLASSIFIES = re.compile(r"(^|[-_])classification$|^classifier$", re.IGNORECASE)
_URL = ("http://", "https://")
#: Folders of kagglehub's layout, model/framework/variation/version, in lower case.
_FRAMEWORKS = ("tensorflow1", "tensorflow2")
#: General names of folders and files, which don't identify the model.
_SAYS_NOTHING = re.compile(r"\d+|saved_?model", re.IGNORECASE)
_PREFIXES = (keras_applications.PREFIX, keras_hub_presets.PREFIX)


def resolve(handle: str, kind: Kind, layer: str | None = None) -> Path:
    """The model as a SavedModel folder on this machine; downloads, unpacks or converts it.

    Results are cached in ``storage.cache_dir()`` (Hub modules in ``TFHUB_CACHE_DIR`` if that is
    set). Embedded models and Keras's are built for the kind. ``requirement.require`` checks the
    kind of a folder, an archive and a URL.

    Args:
        handle: One of ``FORMS``. A URL, folder or file may be followed by ``#sha256=`` and 64
            hexadecimal digits; a model of another sha256 is refused before it is loaded, and isn't
            kept. It is that of the file, of a URL that of its ``.tar.gz``, of a folder
            ``storage.tree_digest``. An embedded model's name takes precedence over a folder of that
            name; ``./efficientnet-lite0`` is the folder.
        kind: ``"features"`` or ``"logits"``.
        layer: The layer of a Keras model (see ``has_layers``) whose output is used; None takes the
            pooled features, or the classes.

    Raises:
        ModelError: Another form, or the model isn't available; the message says why.
    """
    if kind not in ("features", "logits"):
        raise ModelError(f"kind {kind!r}: expected 'features' or 'logits'")
    bare, pin = split_pin(handle)
    if is_url(bare):
        return hub.fetch(bare, pin)
    if pin and (bare in embedded.MODELS or bare.startswith(_PREFIXES)):
        raise ModelError(
            f"{handle}: {bare} can't be pinned, since it is no file: it is built from a package's "
            f"weights. Leave {PIN} out, or pin the versions of the packages"
        )
    return _built(bare, kind, layer) or _local(bare, kind, layer, pin)


def _local(handle: str, kind: Kind, layer: str | None, pin: str | None) -> Path:
    """The model of a folder or file that has the pin's sha256, if there is one."""
    path = Path(handle).expanduser()
    if handle and path.is_dir():
        check_folder(path, pin)
        if problem := fault(path):
            raise ModelError(
                f"{path}: {problem}; expected a whole SavedModel folder. Copy or export it again"
            )
        return path
    if path.is_file() and archive.is_archive(path):
        return archive.unpack(path, pin)
    if path.is_file() and keras_files.is_keras_file(path):
        if pin:
            check_pin(str(path), sha256_of(path), pin)
        return keras_files.convert(path, kind, layer)
    raise ModelError(_unknown(handle, path))


def _built(handle: str, kind: Kind, layer: str | None) -> Path | None:
    """A model that the handle names, built for the kind; None for other forms of a handle."""
    if handle in embedded.MODELS:
        return embedded.convert(handle, kind)
    if handle.startswith(keras_applications.PREFIX):
        return keras_applications.convert(handle.removeprefix(keras_applications.PREFIX), kind)
    if handle.startswith(keras_hub_presets.PREFIX):
        return keras_hub_presets.convert(handle.removeprefix(keras_hub_presets.PREFIX), kind, layer)
    return None


def _unknown(handle: str, path: Path) -> str:
    close = get_close_matches(handle.lower(), embedded.MODELS, cutoff=0.7)
    hint = f". Did you mean {close[0]}?" if close else ""
    what = "is a file of another kind" if handle and path.is_file() else "is unknown"
    return f"model handle {handle!r} {what}; expected {'; '.join(FORMS)}{hint}"


def classifier_handle(handle: str) -> str | None:
    """The handle of the classifier to which an extractor belongs; None if unknown.

    It is the same handle for models that can be built for both kinds. For URLs, and for files that
    exist, it has ``classification`` in place of ``feature_vector``; unknown if the extractor is
    pinned, since its pin says nothing of another file.
    """
    if handle in embedded.MODELS or handle.startswith(_PREFIXES) or has_layers(handle):
        return handle
    other = _FEATURES.sub("classification", handle)
    if other == handle or PIN in handle:
        return None
    return other if is_url(handle) or Path(other).expanduser().exists() else None


def is_url(handle: str) -> bool:
    """Whether a handle is the address of a model on Hub or Kaggle."""
    return handle.startswith(_URL)


def has_layers(handle: str) -> bool:
    """Whether a handle names a Keras model whose layers can be chosen by name."""
    is_preset = handle.startswith(keras_hub_presets.PREFIX)
    return is_preset or keras_files.is_keras_file(Path(without_pin(handle)))


def says_classification(handle: str) -> bool:
    """Whether a handle's text says that the model is a classifier.

    In a URL, any part of the path counts, unless another part is ``feature_vector``. Of a file or
    folder only its own name counts, not those of its parents.
    """
    handle = without_pin(handle)
    if handle.startswith(_URL):
        path = _ENDING.sub("", urlsplit(handle).path)
        return not _FEATURES.search(path) and any(map(_CLASSIFIES.search, path.split("/")))
    return bool(_CLASSIFIES.search(_ENDING.sub("", Path(handle).name)))


def public_name(handle: str) -> str:
    """The handle as results show it, without private parts and without its pin.

    A file or folder is shown only by its name; a general name, as in the layouts of kagglehub and
    TF Serving, follows its parents' names. A URL is shown without user name, password, query (which
    often has a token) and fragment.
    """
    handle = without_pin(handle)
    if handle.startswith(_URL):
        parts = urlsplit(handle)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if handle.startswith(keras_applications.PREFIX) or handle in embedded.MODELS:
        return handle
    if handle.startswith(keras_hub_presets.PREFIX):
        return keras_hub_presets.public_name(handle)
    folders = Path(handle).expanduser().resolve().parts[1:]
    count = 1
    while count < len(folders) and _SAYS_NOTHING.fullmatch(_ENDING.sub("", folders[-count])):
        count += 1
    if count > 1 and len(folders) >= count + 2 and folders[-count - 1].lower() in _FRAMEWORKS:
        count += 2
    return "/".join(folders[-count:])
