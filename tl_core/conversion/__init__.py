"""Convert models to other engines' formats, once, cached by content."""

from tl_core.conversion.cache import cached, cached_json
from tl_core.conversion.opening import freeze

__all__ = ["cached", "cached_json", "freeze"]
