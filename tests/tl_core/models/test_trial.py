"""A model that runs for ever, takes all memory or ends its process costs another process."""

import numpy as np
import pytest
from odd_models import features, save

from tl_core.errors import ModelError
from tl_core.models import module as modules
from tl_core.models import own_process, trial_process
from tl_core.models.trial import Reading, check_answers, mark_as_tried

#: In a session of few tests: these start many processes, or read what may harm one.
pytestmark = pytest.mark.slow

#: Begins a program in place of the real one, which takes seconds to start.
ANSWER = "import json, sys, time; "
SAY = "print(json.dumps({{'value': {}}}))"


@pytest.fixture
def folder(tmp_path, cache):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"a graph")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("code", "limit", "message"),
    [
        pytest.param(
            "time.sleep(60)", {"model_seconds": 1}, "no answer within 1 s", id="for ever"
        ),
        pytest.param(
            "x = b'1' * 10**9; time.sleep(60)", {"model_bytes": 150_000_000},
            "more than 0.1 GB of memory", id="memory",
        ),
        pytest.param("import os; os.abort()", {}, r"by signal 6 \(SIGABRT\)", id="crash"),
        pytest.param("sys.exit('no room')", {}, r"with code 1 \(no room\)", id="exit"),
        pytest.param(SAY.format("'a fault'"), {}, "a fault", id="fault"),
    ],
)  # fmt: skip
def test_what_goes_wrong_there_is_one_line_here(  # noqa: PLR0917 - fixtures and a case
    folder, limited, monkeypatch, code, limit, message
):
    limited(**limit)
    monkeypatch.setattr(own_process, "_CODE", ANSWER + code)
    for _ in range(2):  # it isn't noted as tried
        with pytest.raises(ModelError, match=f"theirs: .*failed: .*{message}") as caught:
            check_answers(folder, "theirs", Reading())
        assert "\n" not in str(caught.value)


def test_a_model_that_answered_is_not_tried_again_until_it_changes(folder, monkeypatch):
    monkeypatch.setattr(own_process, "_CODE", ANSWER + SAY.format(None))
    check_answers(folder, "theirs", Reading())

    monkeypatch.setattr(own_process, "_CODE", "raise SystemExit(3)")
    check_answers(folder, "theirs", Reading())
    (folder / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(ModelError, match="ended with code 3"):
        check_answers(folder, "theirs", Reading())
    mark_as_tried(folder)
    check_answers(folder, "theirs", Reading())
    with pytest.raises(ModelError, match="ended with code 3"):  # another of its functions
        check_answers(folder, "theirs", Reading(kind="logits"))


def test_what_this_library_converted_is_not_tried(folder, cache, monkeypatch):
    monkeypatch.setattr(own_process, "_CODE", "raise SystemExit(3)")
    own = cache / "models" / "converted"
    own.parent.mkdir(parents=True)
    folder.rename(own)

    check_answers(own, "ours", Reading())


def _fails(error, cause=None):
    def fail(*_, **__):
        raise error from cause

    return fail


@pytest.mark.parametrize(
    ("error", "cause", "problem"),
    [
        pytest.param(ModelError("takes 2 inputs"), None, None, id="a message of its own"),
        pytest.param(
            ModelError("x"), MemoryError(), "more memory than there is", id="memory, told"
        ),
        pytest.param(MemoryError(), None, "more memory than there is", id="memory"),
        pytest.param(AssertionError("objects\nand more"), None, "objects", id="any other error"),
    ],
)
def test_only_what_would_have_no_message_is_a_problem(tmp_path, monkeypatch, error, cause, problem):
    monkeypatch.setattr(trial_process, "open_module", _fails(error, cause))
    answer = trial_process.problem(str(tmp_path), "theirs", {"image_size": 4})
    assert (answer is None) if problem is None else (problem in answer and "\n" not in answer)


def test_a_model_is_tried_before_it_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(modules, "check_answers", _fails(ModelError("tried first")))
    monkeypatch.setattr(modules, "_load", None)
    with pytest.raises(ModelError, match="tried first"):
        modules.open_module(save(tmp_path, features))


@pytest.mark.slow
def test_a_real_model_answers_in_a_real_process_and_an_endless_one_does_not(
    tmp_path, cache, limited
):
    import tensorflow as tf

    def endless(images):
        return tf.while_loop(lambda x: tf.reduce_sum(x) > -1, lambda x: (x + 0,), (images,))[0]

    check_answers(save(tmp_path / "good", features), "good", Reading(image_size=4))
    bad = save(tmp_path / "bad", lambda images: features(endless(images)))
    limited(model_seconds=15)
    with pytest.raises(ModelError, match="no answer within 15 s"):
        check_answers(bad, "bad", Reading(image_size=4))


def test_a_model_without_outputs_is_refused(tmp_path):
    import tensorflow as tf

    folder = save(tmp_path, lambda images: tf.zeros((tf.shape(images)[0], 0)))
    with pytest.raises(ModelError, match="mine: has 0 outputs per image"):
        modules.open_module(folder, "mine")


def test_a_model_of_any_precision_gives_float32(tmp_path):
    import tensorflow as tf

    folder = save(tmp_path, lambda images: tf.cast(features(images), tf.bfloat16))
    rows = modules.open_module(folder)(np.zeros((2, 4, 4, 3), np.float32))
    assert rows.dtype == tf.float32
