"""The kernel beside the rounds leaves the CPUs to the round that follows."""

from time import process_time, sleep

from tlbench.timing.reference import ReferenceKernel


def test_blas_threads_are_asleep_when_the_round_begins():
    kernel = ReferenceKernel(threads=2)
    kernel.run()
    before = process_time()
    sleep(0.1)
    assert process_time() - before < 0.05
