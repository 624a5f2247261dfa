"""Benchmarks: their data, rules and tables, one module each."""
