"""A gate's evidence besides time, as text: functions that became slower, instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.gate.ratio_text import signed_percent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.gate.profile_growth import SlowerFunction
    from tlbench.gate.verdict import Report, Verdict

#: From this share on, a profile consists of one function.
WHOLE = 0.995


def instructions_text(verdict: Verdict) -> str:
    """How many more instructions the candidate takes, such as ``+4.1 %``, or a dash."""
    if verdict.instructions is None:
        return "-"
    text = signed_percent(verdict.instructions.ratio)
    return f"{'+' * (text == '0.0')}{text} %"


def instructions_counted(verdicts: Iterable[Verdict]) -> bool:
    """Whether instructions were counted for any benchmark."""
    return any(each.instructions for each in verdicts)


def functions_text(verdict: Verdict) -> str:
    """What became slower: ``time grew most in parse (scanner.py:61): 12 % -> 41 % (py-spy)``.

    Empty if there is no profile.
    """
    if verdict.profile is None:
        return ""
    tool = f"({verdict.profile.tool})"
    if not verdict.profile.functions:
        return f"no function became clearly slower in its profile {tool}"
    functions = ", ".join(map(_function, verdict.profile.functions))
    return f"time grew most in {functions} {tool}"


def function_texts(report: Report) -> dict[str, str]:
    """``functions_text`` of each benchmark that was profiled, by id."""
    texts = {each.name: functions_text(each) for each in report.verdicts}
    return {name: text for name, text in texts.items() if text}


def _function(function: SlowerFunction) -> str:
    place = f" ({function.file}:{function.line})" if function.file else ""
    shares = f"{100 * function.base:.0f} % -> {100 * function.candidate:.0f} %"
    if min(function.base, function.candidate) > WHOLE:
        shares = "all time in both sides, including the compiled code that it calls"
    return f"{function.name}{place}: {shares}"
