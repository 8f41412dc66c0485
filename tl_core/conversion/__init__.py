"""Models in other engines' formats, made once and kept by content."""

from tl_core.conversion.cache import converted
from tl_core.conversion.frozen import freeze

__all__ = ["converted", "freeze"]
