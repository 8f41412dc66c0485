"""How transfer learning is measured: the pytest plugin, the harness, the command line."""
