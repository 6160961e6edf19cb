"""From run datasets to claim datasets, predictions, effects, intervals and verdicts."""
