"""Images as binary patterns: named sets, official files, images of one's own."""

from analysis.data.sets import DATASETS, load  # noqa: F401  offered here
