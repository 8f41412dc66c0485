"""Types of the figures in files, with bounds: ratios, squares and products of them stay finite.

JSON's numbers may be too small to divide by, or too large to multiply.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

LEAST, MOST = 1e-12, 1e18
#: Where floats still are exact.
MOST_WHOLE = 10**15

Positive = Annotated[float, msgspec.Meta(ge=LEAST, le=MOST)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=MOST)]
Signed = Annotated[float, msgspec.Meta(ge=-MOST, le=MOST)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_WHOLE)]
#: A number of things, which may be none.
Whole = Annotated[int, msgspec.Meta(ge=0, le=MOST_WHOLE)]
#: What a counter rose by, which may have started over.
SignedWhole = Annotated[int, msgspec.Meta(ge=-MOST_WHOLE, le=MOST_WHOLE)]
