"""What is kept of a run. Nothing here imports TensorFlow."""
