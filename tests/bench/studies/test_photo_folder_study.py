"""Photographs for the study of folders are different files; its table has what was counted."""

from bench.studies.photo_folder import make_photographs, table
from tl_core.images import load_image


def test_photographs_differ_and_have_their_size(tmp_path):
    make_photographs(tmp_path, 8, 64)
    files = sorted(tmp_path.glob("*/*.jpg"))
    assert len({path.read_bytes() for path in files}) == 8
    assert len({path.parent for path in files}) == 6
    assert {load_image(path).shape for path in files} == {(48, 64, 3)}


def test_the_table_has_the_middle_and_the_range_of_each_training():
    def cost(cpu_s, opens):
        return {"cpu_s": cpu_s, "seconds": 2 * cpu_s, "most_opens": opens}

    rounds = [{"first": cost(cpu_s, 1), "second": cost(cpu_s / 10, 2)} for cpu_s in (20, 30, 50)]
    *_, first, second = table({"rounds": {"now": rounds}}).splitlines()
    assert first == "| now | first | 30.0 (20.0 to 50.0) | 60.0 (40.0 to 100.0) | 1 | 3 |"
    assert second == "| now | second | 3.0 (2.0 to 5.0) | 6.0 (4.0 to 10.0) | 2 | 3 |"
