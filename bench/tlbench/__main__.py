"""``python -m tlbench``: the command line, where its script isn't on the path."""

from tlbench.cli.main import main

main()
