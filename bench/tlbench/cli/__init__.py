"""The commands of ``tlbench``, one file per command."""
