"""What the subcommands of ``tlbench`` do."""
