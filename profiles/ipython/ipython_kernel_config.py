"""For notebooks, in .venv/etc/ipython: the checkout that they lie in comes first, whatever PYTHONPATH has."""

import sys
from pathlib import Path

here = Path.cwd()  # Jupyter's is the notebook's folder, papermill's the checkout
sys.path[:0] = [str(folder) for folder in (here, *here.parents) if (folder / "analysis/workflow").is_dir()][:1]
