"""Benchmarks: a protocol's grid of methods, label fractions and seeds, and the tables of it."""
