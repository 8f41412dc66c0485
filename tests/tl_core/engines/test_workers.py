"""Chunks are shared out among replicas, each used by one thread at a time, and keep their order."""

import threading
import time

import numpy as np
import pytest

from tl_core.engines import NetworkSettings
from tl_core.engines.workers import WorkerNetwork, shared_out
from tl_core.errors import ModelError

SIZE = 4


class Counting:
    """A replica whose outputs are the images' first pixels; slow, to be caught when shared."""

    def __init__(self):
        self.busy, self.calls, self.threads = False, [], set()

    def __call__(self, images):
        assert not self.busy, "two threads at once"
        self.busy = True
        self.threads.add(threading.get_ident())
        self.calls.append(len(images))
        time.sleep(0.002)
        self.busy = False
        return images[:, 0, 0, :2].astype(np.float32)


def numbered(count):
    images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return images


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_outputs_keep_their_order(workers, chunk):
    network = WorkerNetwork(
        [Counting() for _ in range(workers)], image_size=SIZE, output_size=2, chunk=chunk
    )
    np.testing.assert_array_equal(network(numbered(23))[:, 0], np.arange(23))
    assert network(numbered(0)).shape == (0, 2)


def test_every_replica_works_and_none_for_two_at_once():
    replicas = [Counting(), Counting()]
    network = WorkerNetwork(replicas, image_size=SIZE, output_size=2, chunk=2)
    results = {}

    def run(number):
        results[number] = network(numbered(20))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sum(each.calls) for each in replicas) == 60
    assert all(each.calls for each in replicas)
    assert max(max(each.calls) for each in replicas) == 2
    for result in results.values():
        np.testing.assert_array_equal(result[:, 0], np.arange(20))


def test_a_replica_that_fails_is_free_again():
    class Failing(Counting):
        def __call__(self, images):
            if images[0, 0, 0, 0] == 1:
                raise RuntimeError("broken")
            return super().__call__(images)

    network = WorkerNetwork([Failing()], image_size=SIZE, output_size=2, chunk=1)
    with pytest.raises(RuntimeError, match="broken"):
        network(numbered(3))
    np.testing.assert_array_equal(network(numbered(1))[:, 0], [0])


@pytest.mark.parametrize(
    ("threads", "workers", "expected"),
    [(4, None, (4, 1)), (4, 1, (1, 4)), (4, 2, (2, 2)), (5, 2, (2, 2)), (1, 1, (1, 1))],
)
def test_threads_are_shared_out(threads, workers, expected):
    assert shared_out(NetworkSettings(threads=threads, workers=workers)) == expected


def test_more_workers_than_threads_are_refused():
    with pytest.raises(ModelError, match=r"3 workers on 2 thread\(s\): expected at most 2"):
        shared_out(NetworkSettings(threads=2, workers=3))
