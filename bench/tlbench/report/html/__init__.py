"""The report: one HTML page with everything that result files say."""
