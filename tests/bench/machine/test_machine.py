"""One machine fingerprints as the same; each change shows as exactly itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tlbench.machine.difference import MACHINE, Change, compare_fingerprints
from tlbench.machine.fingerprint import fingerprint
from tlbench.machine.naming import machine_name
from tlbench.machine.software import ONEDNN_SETS, blas, onednn, settings
from tlbench.machine.state import momentary_state

PROGRAM = "import json; from tlbench.machine.fingerprint import fingerprint; print(json.dumps({}))"


def in_new_process(call="fingerprint()", before="", **environ):
    """What another process says of this machine."""
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM.format(call)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environ,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here():
    return in_new_process()


def changes(old, new):
    """Everything that differs, by name; both have the same facts."""
    difference = compare_fingerprints(old, new)
    assert old.keys() == new.keys()
    return {change.key: (change.old, change.new)
            for change in (*difference.machine, *difference.software)}  # fmt: skip


def kind(old, new):
    """What differs most: ``machine``, else ``software``, else nothing."""
    difference = compare_fingerprints(old, new)
    return "machine" if difference.machine else "software" if difference.software else "same"


def test_ten_processes_fingerprint_this_machine_as_the_same(here):
    others = [in_new_process() for _ in range(9)]
    assert all(other == here for other in others)
    assert kind(here, others[0]) == "same"


def test_a_fingerprint_does_not_import_tensorflow():
    loaded = in_new_process("(fingerprint(), 'tensorflow' in __import__('sys').modules)")
    assert loaded[1] is False


def test_nothing_momentary_is_in_a_fingerprint(here):
    assert not set(momentary_state()) & set(here)


def test_the_load_is_that_of_the_last_minute(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.5, 1.5, 2.5), raising=False)
    assert momentary_state()["load_1_minute"] == 0.5
    monkeypatch.delattr(os, "getloadavg")
    assert momentary_state()["load_1_minute"] is None


def test_memory_that_is_free_and_swap_that_is_used_are_told(monkeypatch):
    memory, swap = SimpleNamespace(total=9, available=5, free=1), SimpleNamespace(total=8, used=3)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("psutil.swap_memory", lambda: swap)
    state = momentary_state()
    assert (state["memory_available_bytes"], state["swap_used_bytes"]) == (5, 3)


def test_fewer_allowed_cpus_show_as_that(here):
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(allowed) < 2:
        pytest.skip("this process may use one CPU only")
    one = f"import os; os.sched_setaffinity(0, {{{min(allowed)}}}); "
    fewer = in_new_process(before=one)
    assert changes(here, fewer) == {"cpus_affinity": (len(allowed), 1)}
    assert kind(here, fewer) == "machine"


@pytest.mark.parametrize(
    ("name", "value"),
    [("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("TF_NUM_INTRAOP_THREADS", "1")],
)
def test_a_thread_setting_shows_as_that(here, name, value):
    limited = in_new_process(**{name: value})
    assert changes(here, limited) == {f"settings.{name}": (os.environ.get(name), value)}
    assert kind(here, limited) == "software"


def test_the_onednn_switch_shows_as_that(here):
    switched = "off" if here["onednn"] == "on" else "on"
    other = in_new_process(TF_ENABLE_ONEDNN_OPTS=str(int(switched == "on")))
    assert changes(here, other) == {"onednn": (here["onednn"], switched)}
    assert kind(here, other) == "software"


def test_a_switch_that_only_confirms_the_default_is_no_difference(here):
    confirmed = in_new_process(TF_ENABLE_ONEDNN_OPTS=str(int(here["onednn"] == "on")))
    assert changes(here, confirmed) == {}
    assert confirmed["onednn_source"].startswith("TF_ENABLE_ONEDNN_OPTS=")


def test_another_tensorflow_shows_as_that(here):
    other = in_new_process(before=(
        "from importlib import metadata; real = metadata.version; "
        "metadata.version = lambda name: '9.9.9' if name == 'tensorflow' else real(name); "
    ))  # fmt: skip
    now = here["packages"]["tensorflow"]
    assert changes(here, other) == {"packages.tensorflow": (now, "9.9.9")}
    assert kind(here, other) == "software"


@pytest.mark.parametrize(("quota", "usable"), [("50000 100000", 0.5), ("75000 50000", 1.5)])
def test_a_cpu_quota_shows_as_that(tree, quota, usable):
    root = tree({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"})
    free = fingerprint(root)
    tree({"sys/fs/cgroup/cpu.max": quota})
    limited = fingerprint(root)
    assert changes(free, limited) == {"cpu_quota": (None, usable)}
    assert limited["cpus_usable"] == min(usable, free["cpus_affinity"])
    assert kind(free, limited) == "machine"


def test_the_memory_is_what_the_kernel_counts(here):
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        pytest.skip("no /proc/meminfo")
    (total,) = re.findall(r"MemTotal: +(\d+) kB", meminfo.read_text())
    assert here["memory_bytes"] == int(total) * 1024


# --- comparison ---

OLD = {"cpu": "AMD EPYC", "cpus_usable": 2, "memory_bytes": 10**10, "packages": {"numpy": "2.1"}}


@pytest.mark.parametrize(
    ("new", "expected", "keys"),
    [
        (OLD, "same", []),
        (OLD | {"cpus_usable": 4}, "machine", ["cpus_usable"]),
        (OLD | {"cpu": "Intel"}, "machine", ["cpu"]),
        (OLD | {"packages": {"numpy": "2.2"}}, "software", ["packages.numpy"]),
        (OLD | {"packages": {"numpy": None}}, "software", ["packages.numpy"]),
        (OLD | {"cpu": "Intel", "packages": {"numpy": "3"}}, "machine", ["cpu", "packages.numpy"]),
        # The kernel's own share of the memory differs by version.
        (OLD | {"memory_bytes": 10**10 - 10**7}, "same", []),
        (OLD | {"memory_bytes": 8 * 10**9}, "machine", ["memory_bytes"]),
    ],
)
def test_what_differs_is_the_machine_or_its_software(new, expected, keys):
    assert kind(OLD, new) == expected
    difference = compare_fingerprints(OLD, new)
    assert [change.key for change in (*difference.machine, *difference.software)] == keys


def test_what_an_older_file_lacks_is_no_difference(here):
    older = {key: here[key] for key in ("cpu", "architecture", "cpus_usable", "memory_bytes")}
    older["packages"] = {"numpy": here["packages"]["numpy"]}
    assert kind(older, here) == kind(here, older) == "same"


def test_a_fact_that_is_not_known_of_one_machine_is_no_difference():
    assert kind(OLD | {"gpus": None}, OLD | {"gpus": []}) == "same"


def test_two_fingerprints_without_a_cpu_are_never_one_machine():
    assert kind({}, {}) == "machine"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("packages.numpy", "2.1", "2.2"), "packages.numpy: 2.1 -> 2.2"),
        (Change("cpus_affinity", 2, 1), "cpus_affinity: 2 -> 1"),
        (Change("instruction_sets", ["avx2", "fma"], ["fma"]), "instruction_sets: -avx2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_is_one_line(change, text):
    assert str(change) == text


def test_every_fact_about_the_machine_is_one_that_fingerprints_have(here):
    assert set(here) >= MACHINE


# --- settings ---


def on_linux(monkeypatch, *sets, model="Xeon"):
    from tlbench.machine.cpu import Cpu

    monkeypatch.setattr("platform.system", lambda: "Linux")
    return Cpu(model, None, sets, {})


@pytest.mark.parametrize(
    ("sets", "switch", "expected"),
    [
        (("avx2", "avx512f"), None, ("off", "default")),
        (("avx2", "avx512_vnni"), None, ("on", "default")),
        (("avx2",), "1", ("on", "TF_ENABLE_ONEDNN_OPTS=1")),
        (("avx512_vnni",), "0", ("off", "TF_ENABLE_ONEDNN_OPTS=0")),
        (("avx512_vnni",), "False", ("off", "TF_ENABLE_ONEDNN_OPTS=False")),
        (("avx512_vnni",), "no", ("on", "default")),
    ],
)
def test_onednn_is_on_as_tensorflow_decides(monkeypatch, sets, switch, expected):
    environ = {} if switch is None else {"TF_ENABLE_ONEDNN_OPTS": switch}
    found = onednn(on_linux(monkeypatch, *sets), environ)
    assert (found["onednn"], found["onednn_source"]) == expected


def test_onednn_is_on_by_default_on_one_arm_core_only(monkeypatch):
    assert onednn(on_linux(monkeypatch, model="Neoverse V1"), {})["onednn"] == "on"
    assert onednn(on_linux(monkeypatch, model="Neoverse N1"), {})["onednn"] == "off"


@pytest.mark.slow
@pytest.mark.parametrize("switch", [None, "0"])
def test_tensorflow_itself_agrees_about_onednn(switch):
    environ = {} if switch is None else {"TF_ENABLE_ONEDNN_OPTS": switch}
    program = "import json; from tensorflow.python.util import _pywrap_util_port as port; "
    done = subprocess.run(
        [sys.executable, "-c", program + "print(json.dumps(port.IsMklEnabled()))"],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"} | environ,
    )
    from tlbench.machine.cpu import read_cpu

    assert onednn(read_cpu(), environ)["onednn"] == ("on" if json.loads(done.stdout) else "off")


def test_every_set_that_turns_onednn_on_is_looked_for():
    from tlbench.machine.cpu import INSTRUCTION_SETS

    assert set(INSTRUCTION_SETS) >= ONEDNN_SETS


def test_settings_do_not_show_where_a_person_keeps_files():
    found = settings({"XLA_FLAGS": "--xla_dump_to=/home/me/dump --xla_fast=1", "HOME": "/home/me"})
    assert found["XLA_FLAGS"] == "--xla_dump_to=dump --xla_fast=1"
    assert "HOME" not in found
    assert found["OMP_NUM_THREADS"] is None


def test_the_blas_is_numpys_own():
    import numpy as np

    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert blas()["library"] in built_with


def test_a_fractional_quota_is_in_the_folders_name():
    assert machine_name({"cpu": "Apple M2", "cpus_usable": 1.5}) == "apple-m2-1.5-cpus"


@pytest.mark.parametrize(
    ("gpus", "name"),
    [
        ([], "amd-epyc-8-cpus"),
        (["NVIDIA A100-SXM4-40GB"], "amd-epyc-8-cpus-a100-sxm4-40gb"),
        (["NVIDIA L4", "NVIDIA L4", "Tesla T4"], "amd-epyc-8-cpus-2x-l4-tesla-t4"),
    ],
    ids=["none", "one", "three"],
)
def test_gpus_are_part_of_a_machines_name(gpus, name):
    assert machine_name({"cpu": "AMD EPYC", "cpus_usable": 8, "gpus": gpus}) == name
