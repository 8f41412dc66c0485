"""Names of machines differ where their CPUs do, and the cloud is read from the firmware."""

import pytest

from tlbench.machine.cloud import cloud_facts
from tlbench.machine.difference import compare_fingerprints
from tlbench.machine.naming import machine_name

DMI = "sys/class/dmi/id"
AMD = "AuthenticAMD family {} model {} stepping 1"
INTEL = "GenuineIntel family 6 model {} stepping {}"


@pytest.mark.parametrize(
    ("cpu", "identity", "name"),
    [
        ("AMD EPYC", AMD.format(26, 2), "amd-epyc-turin"),
        ("AMD EPYC", AMD.format(25, 17), "amd-epyc-genoa"),
        ("AMD EPYC", AMD.format(25, 1), "amd-epyc-milan"),
        ("AMD EPYC", AMD.format(27, 3), "amd-epyc-family-27-model-3"),
        ("AMD EPYC", None, "amd-epyc"),
        ("AMD EPYC-Rome Processor", AMD.format(23, 49), "amd-epyc-rome"),
        ("AMD EPYC 7B13", AMD.format(25, 1), "amd-epyc-7b13"),
        ("Intel(R) Xeon(R) Processor", INTEL.format(207, 2), "intel-xeon-emerald-rapids"),
        ("Intel(R) Xeon(R) CPU @ 2.00GHz", INTEL.format(85, 3), "intel-xeon-skylake"),
        ("Intel(R) Xeon(R) CPU @ 2.80GHz", INTEL.format(85, 7), "intel-xeon-cascade-lake"),
        ("Intel Xeon Processor (Cascadelake)", INTEL.format(85, 6), "intel-xeon-cascadelake"),
        ("Neoverse N1", "implementer 0x41 part 0xd0c variant 0x3 revision 1", "neoverse-n1"),
        ("Other", "vendor without numbers", "other"),
    ],
)
def test_a_cpu_whose_name_has_no_number_is_named_by_its_generation(cpu, identity, name):
    facts = {"cpu": cpu, "cpu_id": identity, "cpus_usable": 2}
    assert machine_name(facts) == f"{name}-2-cpus"


@pytest.mark.parametrize(
    ("files", "cloud", "instance"),
    [
        ({"sys_vendor": "Amazon EC2", "product_name": "c7i.large"}, "Amazon EC2", "c7i.large"),
        ({"sys_vendor": "Xen", "product_name": "HVM domU"}, None, None),
        (
            {"sys_vendor": "Google", "product_name": "Google Compute Engine"},
            *("Google Compute Engine", None),
        ),
        (
            {
                "sys_vendor": "Microsoft Corporation",
                "product_name": "Virtual Machine",
                "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77",
            },
            *("Microsoft Azure", None),
        ),
        ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, None, None),
        ({"chassis_asset_tag": "OracleCloud.com"}, "Oracle Cloud", None),
        ({}, None, None),
    ],
    ids=["amazon", "amazon of old", "google", "azure", "hyper-v", "oracle", "nothing"],
)
def test_the_cloud_and_its_instance_type_are_in_the_firmware(tree, files, cloud, instance):
    root = tree({f"{DMI}/{name}": text + "\n" for name, text in files.items()})
    assert cloud_facts(root) == {"cloud": cloud, "instance_type": instance}


def test_another_instance_type_is_another_machine_but_an_older_fingerprint_is_the_same():
    old = {"cpu": "AMD EPYC"}
    large, flex = (old | {"instance_type": name} for name in ("m7i.large", "m7i-flex.large"))
    assert compare_fingerprints(large, flex).machine
    for new in (large, old | {"cloud": None, "instance_type": None}):
        assert not compare_fingerprints(old, new).machine
        assert not compare_fingerprints(new, old).machine
