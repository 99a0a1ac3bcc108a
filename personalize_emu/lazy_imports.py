"""Packages that take long to import, and memory, imported when one of their members is first used.

Emulators without models need no scipy: it takes a fifth of the start of a server and of its idle memory.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["lapack", "load_all", "load_linear_algebra", "sparse", "sparse_linalg", "special"]


class LazyModule:
    """Members are looked up in the module once, and are attributes of this object from then on."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, member: str) -> Any:
        # Python itself asks for members that modules lack, such as those of pickle.
        if member.startswith("__"):
            raise AttributeError(member)
        value = getattr(import_module(self._name), member)
        setattr(self, member, value)
        return value


def load_all() -> None:
    """For processes that wait for a training, which must not wait for imports."""
    for module in ("scipy.linalg.lapack", "scipy.sparse.linalg", "scipy.special"):
        import_module(module)


def load_linear_algebra() -> None:
    """Import what brings a BLAS library of its own: limits of its threads apply to libraries that have been loaded."""
    import_module("scipy.linalg.lapack")


if TYPE_CHECKING:
    import scipy.sparse.linalg as sparse_linalg
    from scipy import sparse, special
    from scipy.linalg import lapack
else:
    lapack = LazyModule("scipy.linalg.lapack")
    sparse = LazyModule("scipy.sparse")
    sparse_linalg = LazyModule("scipy.sparse.linalg")
    special = LazyModule("scipy.special")
