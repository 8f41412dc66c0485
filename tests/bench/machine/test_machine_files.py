"""What the kernel tells about a machine is read as it is meant, on machines that this one isn't."""

import pytest

from tlbench.machine.cgroup import cpu_quota, memory_limit, stat_file, throttling
from tlbench.machine.cpu import caches, last_level_cache, read_cpu
from tlbench.machine.fingerprint import container, hypervisor

GIB = 2**30


def x86(cpus=4, flags="sse4_2 avx2 fma", siblings=2):
    """/proc/cpuinfo of one socket whose cores have two threads each."""
    return "\n\n".join(
        f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
        f"model name\t: Intel(R) Xeon(R)\nstepping\t: 8\ncpu MHz\t\t: {2000 + cpu}.5\n"
        f"physical id\t: 0\ncore id\t\t: {cpu // siblings}\nflags\t\t: {flags}"
        for cpu in range(cpus)
    )


GRAVITON = "\n\n".join(
    f"processor\t: {cpu}\nFeatures\t: fp asimd asimddp sve i8mm bf16 crc32\n"
    "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd40\n"
    "CPU revision\t: 1"
    for cpu in range(2)
)


def test_a_processor_is_described_by_name_identity_cores_and_instruction_sets(tree):
    cpu = read_cpu(tree({"proc/cpuinfo": x86(flags="sse4_2 avx2 pae amx_tile avx512_vnni")}))
    assert cpu.model == "Intel(R) Xeon(R)"
    assert cpu.identity == "GenuineIntel family 6 model 143 stepping 8"
    assert cpu.instruction_sets == ("sse4_2", "avx2", "avx512_vnni", "amx_tile")
    assert (cpu.physical_cores, cpu.sockets) == (2, 1)


@pytest.mark.parametrize(
    ("cpus", "cores"), [((0, 1), 1), ((0, 2), 2), ((0, 1, 2, 3), 2), ((9,), None)]
)
def test_two_threads_of_one_core_are_one_core(tree, cpus, cores):
    assert read_cpu(tree({"proc/cpuinfo": x86()})).cores_among(cpus) == cores


def test_an_arm_processor_is_named_by_its_part_and_its_cores_are_found_in_sysfs(tree):
    folder = "sys/devices/system/cpu/cpu{}/topology/"
    files = {folder.format(cpu) + "physical_package_id": 0 for cpu in range(2)}
    files |= {folder.format(cpu) + "core_id": cpu for cpu in range(2)}
    cpu = read_cpu(tree({"proc/cpuinfo": GRAVITON, **files}))
    assert cpu.model == "Neoverse V1"
    assert cpu.identity == "implementer 0x41 part 0xd40 variant 0x1 revision 1"
    assert cpu.instruction_sets == ("asimd", "asimddp", "i8mm", "bf16", "sve")
    assert (cpu.physical_cores, cpu.sockets) == (2, 1)


def test_without_proc_the_processor_is_described_by_cpuinfo(tree, monkeypatch):
    facts = {"brand_raw": "Apple M2", "flags": ["asimd", "fp"]}
    monkeypatch.setattr("cpuinfo.get_cpu_info", lambda: facts)
    cpu = read_cpu(tree())
    assert (cpu.model, cpu.instruction_sets, cpu.sockets) == ("Apple M2", ("asimd",), None)


def cache(cpu, index, kind, size, shared):
    """A cache of the first level; the third one of a CPU is of the third."""
    folder = f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}/"
    level = 3 if index == 2 else 1
    return {folder + "level": level, folder + "type": kind, folder + "size": size,
            folder + "shared_cpu_list": shared}  # fmt: skip


def test_caches_are_those_for_data_and_the_last_level_counts_all_of_its_kind(tree):
    files = {}
    for cpu in range(4):
        files |= cache(cpu, 0, "Data", "48K", cpu) | cache(cpu, 1, "Instruction", "32K", cpu)
        files |= cache(cpu, 2, "Unified", "1024K", "0-1" if cpu < 2 else "2-3")
    assert caches(tree(files)) == {"L1d": 48 * 1024, "L3": 2**20}
    assert last_level_cache(tree()) == 2 * 2**20


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "200000 100000",
          "sys/fs/cgroup/a/b/cpu.max": "300000 100000"}, 2.0),
        # A container without a namespace of its own is told the host's path.
        ({"proc/self/cgroup": "0::/docker/x\n", "sys/fs/cgroup/cpu.max": "50000 100000"}, 0.5),
        ({"proc/self/cgroup": "4:cpu,cpuacct:/\n",
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000",
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, 2.5),
        ({"proc/self/cgroup": "1:cpu:/\n0::/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
          "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, None),
        # Another group's file says nothing about this process.
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/b/cpu.max": "50000 100000"}, None),
    ],
    ids=["no groups", "v2", "v2 max", "v2 tightest above", "v2 host's path", "v1", "v1 none",
         "not ours"],
)  # fmt: skip
def test_the_cpu_quota_is_the_tightest_above_the_process(tree, files, quota):
    assert cpu_quota(tree(files)) == quota


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max"}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(4 * GIB)}, 4 * GIB),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(64 * GIB)}, None),
        ({"proc/self/cgroup": "9:memory:/x",
          "sys/fs/cgroup/memory/x/memory.limit_in_bytes": str(9223372036854771712),
          "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB)}, GIB),
    ],
    ids=["no groups", "v2 max", "v2", "more than there is", "v1 above"],
)  # fmt: skip
def test_the_memory_limit_is_one_below_the_machines_memory(tree, files, limit):
    assert memory_limit(16 * GIB, tree(files)) == limit


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/a",
          "sys/fs/cgroup/a/cpu.stat": "usage_usec 9\nnr_throttled 7\nthrottled_usec 2500000"},
         {"throttled_times": 7, "throttled_s": 2.5}),
        ({"proc/self/cgroup": "1:cpu:/",
          "sys/fs/cgroup/cpu/cpu.stat": "nr_periods 9\nnr_throttled 3\nthrottled_time 500000000"},
         {"throttled_times": 3, "throttled_s": 0.5}),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.stat": "usage_usec 9"}, {}),
        ({}, {}),
    ],
    ids=["v2 in µs", "v1 in ns", "the root counts none", "no groups"],
)  # fmt: skip
def test_throttling_is_told_in_seconds(tree, files, expected):
    assert throttling(stat_file(tree(files))) == expected


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/cpuinfo": x86(), "sys/class/dmi/id/sys_vendor": "Amazon EC2"}, "none"),
        ({"proc/cpuinfo": x86(flags="hypervisor"), "sys/class/dmi/id/sys_vendor": "QEMU"}, "kvm"),
        ({"proc/cpuinfo": x86(flags="hypervisor"), "sys/hypervisor/type": "xen"}, "xen"),
        ({"proc/cpuinfo": x86(flags="hypervisor"),
          "sys/class/dmi/id/sys_vendor": "Microsoft Corporation",
          "sys/class/dmi/id/product_name": "Virtual Machine"}, "microsoft"),
        ({"proc/cpuinfo": x86(flags="hypervisor")}, "unnamed"),
        ({"proc/cpuinfo": x86(flags="hypervisor"),
          "proc/sys/kernel/osrelease": "5.15.90-microsoft-standard-WSL2"}, "wsl"),
        ({"proc/cpuinfo": GRAVITON, "sys/class/dmi/id/sys_vendor": "Amazon EC2"}, "amazon"),
        ({"proc/cpuinfo": GRAVITON}, None),
        ({}, None),
    ],
    ids=["bare metal of a cloud", "kvm", "xen", "hyper-v", "unnamed", "wsl", "arm", "arm untold",
         "untold"],
)  # fmt: skip
def test_the_hypervisor_is_named_where_there_is_one(tree, files, name):
    assert hypervisor(tree(files)) == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/self/cgroup": ""}, "none"),
        ({"proc/self/cgroup": "", ".dockerenv": ""}, "docker"),
        ({"proc/self/cgroup": "", "run/.containerenv": ""}, "podman"),
        ({"proc/self/cgroup": "", "proc/1/cgroup": "0::/kubepods/x", ".dockerenv": ""},
         "kubernetes"),
        ({"proc/self/cgroup": "", "run/systemd/container": "lxc\n"}, "lxc"),
        ({}, None),
    ],
)  # fmt: skip
def test_the_container_is_named_where_there_is_one(tree, files, name):
    assert container(tree(files)) == name
