"""The applications that every server of the benchmark runs, unchanged."""
