"""What Benchmarks/fanout is made of: servers to measure, a load for them, and clocks."""
