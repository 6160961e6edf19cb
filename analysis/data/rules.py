"""What a `dataset:` may say: the name of a set, some patterns of one, or the rule for images of one's own."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from analysis.files.typed import Count, Model, Natural, Number, Share, check, described, fault


class Subset(Model):
    """The first patterns of a named set, in the set's order."""

    name: str
    n_train: Count = Field(None)  # as every entry that may be left out: null is no value for it
    n_test: Count = Field(None)


class Patch(Model):
    """Circular patches: how large (pixels), and how many positions are drawn from all images."""

    radius: Annotated[float, Field(ge=1, le=1000)]
    n_train: Count
    n_test: Count


class Split(Model):
    """What tests, drawn by the seed: a share of whole images; with `patch` its n_test positions."""

    seed: Natural
    test_fraction: Share = Field(None)


class OwnImages(Model):
    """Images of one's own: where they lie, and the rule that makes binary patterns of them."""

    path: Annotated[str, Field(min_length=1)]  # .npy, .npz, .nc or a folder of pictures; relative to the repository
    variable: str = Field(None)  # of the images in .npz and .nc: (images, rows, columns) or (..., channels)
    labels: str = Field(None)  # variable of the classes; "folders" where a folder's pictures lie in one folder a class
    crop: Annotated[list[Natural], Field(min_length=4, max_length=4)] = Field(None)  # [y0, y1, x0, x1], ends left out
    grey: Annotated[
        Literal["sum", "mean"] | Natural,
        described("sum or mean of the channels, or the number of one from 0 on"),
    ] = Field(None)
    binarise: Annotated[  # 1 above it
        Literal["mean", "median", "image_median", "none"] | Number,
        described("mean, median, image_median, none, or a number, the level"),
    ]
    patch: Patch = Field(None)
    split: Split

    @model_validator(mode="after")
    def _contradictions(self):
        if self.patch and self.labels is not None:
            raise fault("labels", self.labels, "none with patch, for a patch has no class")
        if (self.patch is None) == (self.split.test_fraction is None):
            found = self.split.model_dump(exclude_none=True)
            raise fault("split", found, "test_fraction and seed for whole images, seed alone with patch")
        return self


def _kind(dataset: Any) -> str:
    if not isinstance(dataset, dict):
        return "<name>"
    return "<own>" if "path" in dataset else "<subset>"


Dataset = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[Subset, Tag("<subset>")] | Annotated[OwnImages, Tag("<own>")],
    Discriminator(_kind),
]


def check_dataset(rule: Any) -> None:
    """Raise ValueError, one line, where a `dataset:` is of no such kind, or contradicts itself."""
    check(Dataset, rule, "dataset")
