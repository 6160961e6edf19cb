"""One function a panel: Dataset in, Axes out; the look of all of them; the playground."""
