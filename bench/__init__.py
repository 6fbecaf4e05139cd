"""Benchmarks of rgunicorn against its peers. Start with README.md; `scripts/bench` runs them."""
