"""``tlbench completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tlbench.cli.command_line import COMPLETION
from tlbench.terminal import show

#: Shells that completion is there for.
SHELLS = ("bash", "zsh", "fish")


@click.command(epilog='Example: eval "$(tlbench completion bash)", in ~/.bashrc')
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell's completion script.

    It completes commands, options and names. For bash, add to ~/.bashrc: eval "$(tlbench
    completion bash)". For zsh, do the same with zsh in ~/.zshrc. For fish: tlbench completion
    fish > ~/.config/fish/completions/tlbench.fish
    """
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click has all of SHELLS
    text = script(ctx.find_root().command, {}, "tlbench", COMPLETION).source()
    show(text.splitlines())
