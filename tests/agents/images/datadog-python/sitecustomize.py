"""Starts the tracer in every Python process that has this folder on its PYTHONPATH.

The published image has one set of packages for each version of Python and C library; here there is one.
"""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
packages = os.path.join(here, "packages")
# In front of the last one, as in the image: what the application brings comes first.
sys.path.insert(-1, packages)

# The tracer's own `sitecustomize` imports the application's, if this one does not hide it.
if here in sys.path:
    sys.path.remove(here)
sys.path.insert(0, os.path.join(packages, "ddtrace", "bootstrap"))

import ddtrace.bootstrap.sitecustomize  # noqa: E402, F401
