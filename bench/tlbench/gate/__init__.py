"""The gate: arms, process pairs, verdicts, stored baselines."""
