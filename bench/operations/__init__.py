"""What is measured: each module here has `operations`, in the order in which they are run."""

import pkgutil
from importlib import import_module

from bench.operation import Operation


def known() -> list[Operation]:
    """All of them."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [one for name in names for one in import_module(f"{__name__}.{name}").operations]
