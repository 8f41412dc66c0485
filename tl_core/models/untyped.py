"""Names for TensorFlow's types: TensorFlow has no type hints, so each is ``Any``."""

from __future__ import annotations

from typing import Any, TypeAlias

#: A tensor, symbolic or with values.
Tensor: TypeAlias = Any
#: A variable, which can be used as a tensor.
Variable: TypeAlias = Any
#: Dtype and shape of a tensor, possibly named.
TensorSpec: TypeAlias = Any
#: A tensor's spec, or a dict of them.
Outputs: TypeAlias = Any
#: What ``tf.saved_model.load`` returns, or ``tf.function``.
Loaded: TypeAlias = Any
#: A protocol buffer message.
Message: TypeAlias = Any
