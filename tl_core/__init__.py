"""Transfer learning on TensorFlow Hub image models: the thing that is measured."""
