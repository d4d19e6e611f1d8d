"""The project's own benchmarks: each a ratio to a floor measured in the same run."""
