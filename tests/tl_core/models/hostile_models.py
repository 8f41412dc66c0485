"""Models that do more than compute, each as a function of images for ``odd_models.save``."""

from __future__ import annotations

from odd_models import features


def _after(*operations):
    import tensorflow as tf

    with tf.control_dependencies(operations):
        return tf.constant(0.0)


def write(images, path):
    import tensorflow as tf

    return features(images) + _after(tf.io.write_file(path, "written"))


def read(images, path):
    import tensorflow as tf

    return features(images) + tf.cast(tf.strings.length(tf.io.read_file(path)), tf.float32)


def list_files(images, path):
    import tensorflow as tf

    return features(images) + tf.cast(tf.size(tf.io.matching_files(path)), tf.float32)


def print_to_file(images, path):
    import tensorflow as tf

    return features(images) + _after(tf.print("written", output_stream=f"file://{path}"))


def print_by_debugger(images, path):
    import tensorflow as tf

    return tf.raw_ops.DebugIdentity(input=features(images), debug_urls=[f"file://{path}"])


def save_variables(images, path):
    import tensorflow as tf

    saved = tf.raw_ops.SaveV2(
        prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
    )
    return features(images) + _after(saved)


def restore_variables(images, path):
    import tensorflow as tf

    (value,) = tf.raw_ops.RestoreV2(
        prefix=path, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
    )
    return features(images) + tf.reshape(value, ())


def merge_files(images, path):
    import tensorflow as tf

    merged = tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=[path], destination_prefix=path)
    return features(images) + _after(merged)


def write_summary(images, path):
    import tensorflow as tf

    writer = tf.raw_ops.SummaryWriter()
    opened = tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir=path, max_queue=1, flush_millis=1, filename_suffix=""
    )
    return features(images) + _after(opened)


def read_lines(images, path):
    import tensorflow as tf

    count = tf.data.TextLineDataset(path).reduce(0.0, lambda total, _: total + 1)
    return features(images) + count


def map_over_data(images, path):
    import tensorflow as tf

    def written(value):
        return value + _after(tf.io.write_file(path, "written"))

    data = tf.data.Dataset.from_tensors(0.0).map(written)
    return features(images) + data.reduce(0.0, lambda total, value: total + value)


def write_data(images, path):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensors(0.0)
    saved = tf.raw_ops.SaveDatasetV2(
        input_dataset=data._variant_tensor, path=path, shard_func_other_args=[],
        shard_func=tf.function(lambda _: tf.constant(0, tf.int64)).get_concrete_function(
            tf.TensorSpec((), tf.float32)
        ),
        output_types=[tf.float32], output_shapes=[()],
    )  # fmt: skip
    return features(images) + _after(saved)


def call_python(images, path):
    import tensorflow as tf

    return tf.ensure_shape(tf.py_function(features, [images], tf.float32), (None, 5))


def call_numpy(images, path):
    import tensorflow as tf

    return tf.ensure_shape(
        tf.numpy_function(lambda x: x, [features(images)], tf.float32), (None, 5)
    )


def in_a_branch(images, path):
    import tensorflow as tf

    rows = features(images)
    return tf.cond(tf.reduce_sum(rows) > 1e9, lambda: write(images, path), lambda: rows)


def in_a_loop(images, path):
    import tensorflow as tf

    return tf.while_loop(lambda n, _: n < 1, lambda n, _: (n + 1, write(images, path)), (
        0, features(images),
    ))[1]  # fmt: skip


def in_a_map(images, path):
    import tensorflow as tf

    return tf.map_fn(lambda image: write(image[None], path)[0], images)


def in_a_function_of_a_function(images, path):
    import tensorflow as tf

    inner = tf.function(lambda x: write(x, path), autograph=False)
    return tf.function(lambda x: inner(x) * 1, autograph=False)(images)


def in_a_gradient(images, path):
    import tensorflow as tf

    @tf.custom_gradient
    def same(x):
        return x, lambda upstream: upstream + _after(tf.io.write_file(path, "written"))

    with tf.GradientTape() as tape:
        tape.watch(images)
        rows = features(same(images))
    return rows + 0 * tf.reduce_sum(tape.gradient(rows, images))


#: A function of images and of the path of a file, and the operation for which it is refused.
HOSTILE = {
    "writes a file": (write, "WriteFile"),
    "reads a file": (read, "ReadFile"),
    "lists files": (list_files, "MatchingFiles"),
    "prints into a file": (print_to_file, "PrintV2"),
    "debugs into a file": (print_by_debugger, "DebugIdentity"),
    "saves variables": (save_variables, "uses files of variables"),
    "restores variables": (restore_variables, "uses files of variables"),
    "merges files": (merge_files, "uses files of variables"),
    "writes a summary": (write_summary, "SummaryWriter"),
    "reads lines": (read_lines, "Dataset"),
    "writes while mapping data": (map_over_data, "TensorDataset"),
    "writes data": (write_data, "TensorDataset"),
    "calls Python": (call_python, "EagerPyFunc"),
    "calls NumPy": (call_numpy, "PyFunc"),
    "writes in a branch": (in_a_branch, "WriteFile"),
    "writes in a loop": (in_a_loop, "WriteFile"),
    "writes in a map": (in_a_map, "WriteFile"),
    "writes in an inner function": (in_a_function_of_a_function, "WriteFile"),
    "writes in a gradient": (in_a_gradient, "WriteFile"),
}


def save_with_resource(folder, path):
    """Write a model that writes a file when it is loaded, as a table of words is made then."""
    import tensorflow as tf
    from tensorflow.python.trackable.resource import TrackableResource

    class Resource(TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="resource")

        def _initialize(self):
            tf.io.write_file(str(path), "written")

    module = tf.train.Checkpoint()
    module.resource = Resource()
    module.__call__ = tf.function(
        lambda images: features(images) + tf.raw_ops.ReadVariableOp(
            resource=module.resource.resource_handle, dtype=tf.float32
        ),
        input_signature=[tf.TensorSpec((None, 4, 4, 3))],
    )  # fmt: skip
    tf.saved_model.save(module, str(folder))


def save_with_table(folder, path):
    """Write a model with a table of words from a file, which any path may name."""
    import tensorflow as tf

    path.write_text("tench\n")
    words = tf.lookup.TextFileInitializer(
        str(path), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    module = tf.train.Checkpoint()
    module.table = tf.lookup.StaticHashTable(words, -1)
    module.__call__ = tf.function(
        lambda images: (
            features(images) + tf.cast(module.table.lookup(tf.constant("a")), tf.float32)
        ),
        input_signature=[tf.TensorSpec((None, 4, 4, 3))],
    )
    tf.saved_model.save(module, str(folder))


def save_unused(folder, path):
    """Write a model with a function that nothing calls, beside the one for images."""
    import tensorflow as tf

    spec = tf.TensorSpec((None, 4, 4, 3))
    module = tf.train.Checkpoint()
    module.__call__ = tf.function(features, input_signature=[spec])
    module.other = tf.function(lambda x: write(x, str(path)), input_signature=[spec])
    tf.saved_model.save(module, str(folder))
