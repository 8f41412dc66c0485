"""The benchmark tests that ``pytest --benchmark`` runs, a file a stage."""
