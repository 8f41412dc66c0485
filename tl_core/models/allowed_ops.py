"""The TensorFlow operations that image models may have: all of them only compute.

None reads or writes a file, prints, opens a connection, calls Python or a host, or reads a graph or
a data set from a string. An operation that isn't here is refused, whatever it does: new ones, and
ones of other packages, are unknown until somebody reads what they do.
"""

from __future__ import annotations

import hashlib

#: Graphs, functions, control flow, and variables of TensorFlow 2 and 1.
_STRUCTURE = """
Assert Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp Case
CheckNumerics Const DisableCopyOnRead EnsureShape Enter Exit Identity IdentityN If
IsVariableInitialized LoopCond Merge NextIteration NoOp PartitionedCall Placeholder
PlaceholderWithDefault PreventGradient ReadVariableOp ResourceGather ResourceGatherNd Snapshot
StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile StopGradient Switch VarHandleOp
VarIsInitializedOp Variable VariableShape VariableV2 While
"""
#: Lists of tensors, as ``tf.map_fn`` and loops have them.
_LISTS = """
EmptyTensorList TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
TensorListResize TensorListSetItem TensorListStack
"""
_SHAPES = """
BatchToSpaceND BroadcastArgs BroadcastGradientArgs BroadcastTo Concat ConcatOffset ConcatV2
DepthToSpace DynamicPartition DynamicStitch ExpandDims ExtractImagePatches Fill Gather GatherNd
GatherV2 InvertPermutation LinSpace MatrixBandPart MatrixDiag MatrixDiagPartV3 MatrixDiagV3
MirrorPad OneHot OnesLike Pack Pad PadV2 ParallelDynamicStitch Range Rank Reshape ReverseSequence
ReverseV2 Roll ScatterNd Shape ShapeN Size Slice SpaceToBatchND SpaceToDepth Split SplitV Squeeze
StridedSlice TensorScatterAdd TensorScatterUpdate Tile Transpose Unique UniqueV2 Unpack Where
ZerosLike
"""
_ARITHMETIC = """
Abs Acos Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Atan Atan2 Bitcast BitwiseAnd
BitwiseOr BitwiseXor Cast Ceil ClipByValue Cos Cosh Cross Cumprod Cumsum Div DivNoNan Elu Equal Erf
Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual InTopKV2 Inv IsFinite IsInf IsNan
L2Loss LeakyRelu LeftShift Less LessEqual Lgamma Log Log1p LogSoftmax LogicalAnd LogicalNot
LogicalOr Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod RealDiv Reciprocal
Relu Relu6 RightShift Rint Round Rsqrt SegmentMax SegmentMean SegmentSum Select SelectV2 Selu
Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Square SquaredDifference Sub Sum Tan Tanh TopK
TopKV2 TruncateDiv TruncateMod UnsortedSegmentMax UnsortedSegmentSum Xdivy Xlogy
"""
_NETWORKS = """
AvgPool AvgPoolV2 BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 Conv2D
Conv2DBackpropInput Conv3D DepthwiseConv2dNative Dilation2D Einsum FakeQuantWithMinMaxArgs
FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel FusedBatchNorm FusedBatchNormV2
FusedBatchNormV3 LRN MatMul MaxPool MaxPoolV2 MaxPoolWithArgmax QuantizeAndDequantizeV2
QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
"""
_IMAGES = """
AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize DecodeAndCropJpeg DecodeBmp DecodeGif
DecodeImage DecodeJpeg DecodePng DecodeRaw ExtractGlimpseV2 ExtractJpegShape HSVToRGB
ImageProjectiveTransformV2 ImageProjectiveTransformV3 RGBToHSV ResizeArea ResizeBicubic
ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
"""
#: Of strings only those of short texts: class names, and the first bytes of pictures.
_STRINGS = """
AsString StaticRegexFullMatch StaticRegexReplace StringJoin StringLength Substr
"""
#: Tables that are filled from constants; those that are filled from files have other operations.
_TABLES = "HashTableV2 LookupTableFindV2 LookupTableImportV2 LookupTableSizeV2 "
_RANDOM = """
RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt RngReadAndSkip
StatefulUniformFullInt StatefulUniformInt StatelessRandomGetAlg StatelessRandomGetKeyCounter
StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform
StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt
StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal
StatelessTruncatedNormalV2 TruncatedNormal
"""
#: Allowed everywhere.
ALLOWED = frozenset(
    "".join(
        (_STRUCTURE, _LISTS, _SHAPES, _ARITHMETIC, _NETWORKS, _IMAGES, _STRINGS, _TABLES, _RANDOM)
    ).split()
)
#: They write, or read, the file of variables: allowed only where nothing runs them but the saver.
WRITES = frozenset({"MergeV2Checkpoints", "SaveV2"})
SAVER = WRITES | {"RestoreV2", "ShardedFilename"}


def list_version() -> str:
    """12 hexadecimal digits that change with the list."""
    text = " ".join((*sorted(ALLOWED), *sorted(SAVER)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
