"""The pytest plugin: ``pytest --benchmark`` runs the suite, ``pytest --gate`` judges benchmarks.

Every pytest session of the environment loads it. In one that asks for neither it adds nothing that
shows: no option, marker or fixture. What a run needs is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tlbench.plugin import options

if TYPE_CHECKING:
    from collections.abc import Generator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini settings."""
    options.add_settings(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Register the options that were typed, once those of everybody else are known."""
    options.expand_files(args)
    typed = options.typed(args)
    shows_help = early_config.known_args_namespace.help
    if not typed and not shows_help:
        return (yield)
    from tlbench.plugin import session

    by_hand = options.typed(args[len(early_config.getini("addopts")) :])
    is_suite = session.asks_for_suite(early_config, parser, typed)
    if is_suite:
        session.keep_own_rules(early_config, parser, args)
    else:
        session.parse_again(early_config, parser, args)
    result = yield
    short, long = options.BENCHMARK.names
    if not is_suite and short in typed and short not in options.taken(parser):
        raise pytest.UsageError(f"{short}: conftest.py defines it in other sessions; use {long}")
    flags = options.ALWAYS if shows_help or is_suite else dict.fromkeys(typed.values())
    left_out = options.register(parser, (*flags, *(options.SUITE if is_suite else ())))
    early_config.stash[options.LEFT_OUT] = [
        flag for flag in left_out if flag.names[0] in by_hand or flag in options.SUITE
    ]
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin what was asked for."""
    requests = (
        options.option(config, "benchmark"),
        options.option(config, "describe_machine"),
        options.setting(config, "gate"),
    )
    if any(requests) and not config.option.help:
        from tlbench.plugin import session

        session.begin(config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which options are somebody else's, where that matters."""
    is_ours = options.option(config, "benchmark") or options.setting(config, "gate")
    return [
        f"tlbench: {flag.names[0]} is another plugin's or conftest's; use {flag.names[1]}"
        for flag in config.stash.get(options.LEFT_OUT, [])
        if is_ours or flag in (options.BENCHMARK, options.GATE[0])
    ]
