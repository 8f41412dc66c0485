"""Results as tables. Nothing here imports TensorFlow."""
