"""Valid files of nodes are written as they come; whatever else a node does is one line."""

import json

import pytest

from tl_core.cluster import Node
from tlbench.fleet.gathering import gather, node_runs
from tlbench.fleet.messages import Message, decoded
from tlbench.runs.check import problems

ONE, TWO = Node("1" * 56, "host", 2, 0), Node("2" * 56, "host", 1, 0)
NAME = "quick_x_20261129T000000Z.json"


@pytest.fixture
def content(write_run):
    return write_run("own.json").read_bytes()


@pytest.fixture
def receive(tmp_path):
    """Gather messages of two nodes of one host; returns the nodes by the first digit of the id."""

    def run(*messages, runs=1):
        nodes, said = node_runs([ONE, TWO]), []
        gather(messages, nodes, runs, tmp_path / "gathered", said.append)
        return {each.node.id[0]: each for each in nodes}, said

    return run


def measured(content, name=NAME):
    return Message(state="measured", name=name, content=content)


def test_each_file_is_written_below_its_machine_and_node(receive, content, tmp_path):
    nodes, said = receive((ONE, measured(content)), (TWO, measured(content)))
    paths = sorted(
        path.relative_to(tmp_path / "gathered") for path in tmp_path.rglob("gath*/**/*.json")
    )
    assert [path.parts[1:] for path in paths] == [
        ("host-11111111", NAME), ("host-22222222", NAME),
    ]  # fmt: skip
    for each in nodes.values():
        assert each.problem is None
        assert each.runs[0].path.read_bytes() == content
        assert problems(each.runs[0].path) == []
        assert each.runs[0].path.parts[-3] == each.runs[0].machine
    assert said == ["host-11111111: run 1 of 1: 0 s", "host-22222222: run 1 of 1: 0 s"]


def test_a_file_is_there_before_the_next_message(tmp_path, content):
    def messages():
        yield ONE, measured(content)
        assert list(tmp_path.rglob(f"gathered/*/*/{NAME}"))
        raise KeyboardInterrupt

    nodes = node_runs([ONE])
    with pytest.raises(KeyboardInterrupt):
        gather(messages(), nodes, 2, tmp_path / "gathered", print)
    assert len(nodes[0].runs) == 1


def test_a_host_with_one_node_has_no_number():
    labels = [each.label for each in node_runs([ONE, Node("3", "../b c", 1, 0)])]
    assert labels == ["host", "-b-c"]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("../../x.json", "x.json"), ("/etc/passwd", "etc-passwd.json"), ("", "run.json"),
        ("a\nb.json", "a-b.json"), (".json", "json.json"),
    ],
)  # fmt: skip
def test_a_nodes_name_of_a_file_does_not_leave_its_folder(receive, content, name, written):
    nodes, _ = receive((ONE, measured(content, name)))
    path = nodes["1"].runs[0].path
    assert (path.name, path.parts[-2]) == (written, "host-11111111")


def test_no_file_is_written_twice(receive, content, write_run):
    second = write_run("second.json", day=1).read_bytes()
    nodes, _ = receive((ONE, measured(content)), (ONE, measured(second)), runs=2)
    assert [each.path.read_bytes() for each in nodes["1"].runs] == [content, second]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda run: "{", "not a readable JSON file", id="cut off"),
        pytest.param(lambda run: "", "the file is empty", id="empty"),
        pytest.param(lambda run: json.dumps(run | {"benchmarks": []}), "no benchmark", id="none"),
        pytest.param(
            lambda run: json.dumps(run).replace('"images_per_s": ', '"images_per_s": 9'),
            "its rounds say", id="a speed that its rounds don't have",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_not_valid_is_a_failure_of_its_node(
    receive, content, change, problem, tmp_path
):
    broken = change(json.loads(content)).encode()
    nodes, said = receive((ONE, measured(broken)), (TWO, measured(content)))
    assert nodes["1"].problem.startswith("its result file is not valid: ")
    assert problem in nodes["1"].problem
    assert str(tmp_path) not in nodes["1"].problem
    assert (nodes["1"].runs, nodes["2"].problem, len(nodes["2"].runs)) == ([], None, 1)
    assert said[0] == f"host-11111111: failed: {nodes['1'].problem}"


def test_a_node_that_fails_keeps_its_earlier_run_and_the_others_theirs(receive, content):
    failed = Message(state="failed", problem="it was lost", output="last\nlines")
    nodes, _ = receive(
        (ONE, Message(state="begun")), (ONE, measured(content)), (ONE, failed),
        (ONE, measured(content)), (TWO, measured(content)), (TWO, measured(content)), runs=2,
    )  # fmt: skip
    assert (nodes["1"].problem, nodes["1"].output) == ("it was lost", "last\nlines")
    assert [len(each.runs) for each in nodes.values()] == [1, 2]
    assert nodes["2"].problem is None


def test_the_file_of_a_run_that_failed_is_kept(receive, content):
    message = Message(state="failed", problem="below its floor", name=NAME, content=content)
    nodes, _ = receive((ONE, message))
    assert (nodes["1"].problem, len(nodes["1"].runs)) == ("below its floor", 1)


def test_a_node_that_ends_too_early_has_failed(receive, content):
    nodes, _ = receive((ONE, measured(content)), runs=3)
    assert nodes["1"].problem == "it ended after 1 of 3 runs"
    assert nodes["2"].problem == "it ended after 0 of 3 runs"


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{}", b"[]", b'{"state": "done"}', b'{"state": "begun", "x": 1}', None, 3,
     b'{"state": "measured", "content": "no base64!"}', b"[" * 100_000],
    ids=lambda data: repr(data)[:20],
)  # fmt: skip
def test_what_is_no_message_is_a_failure(data):
    message = decoded(data)
    assert message.state == "failed"
    assert message.problem.startswith("it sent something that is no message")
