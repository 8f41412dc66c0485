"""What makes two runs the same job."""

#: What runs must have in common to be of the same job, whose speeds may stand side by side.
#: The track isn't here: it is part of a benchmark's name.
JOB = (
    *("workload", "model", "data", "data_fingerprint", "precision", "image_size", "batch_size"),
    *("train_size", "test_size"),
)
