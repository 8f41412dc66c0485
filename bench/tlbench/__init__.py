"""Benchmark suite for transfer learning on TensorFlow Hub image models."""
