"""Measures of what machines and their units know.

    I(x; s) = H(<p>) - <H(p)>,   p = P(x = 1 | s)
    error = share of patterns whose class a classifier gets wrong
    S = (1 - <p>^2 / <p^2>) / (1 - 1 / n)

Information is in nats. Source: Cover & Thomas (2006), Elements of Information Theory, eq. 2.40 (I = H - H(.|.)).
Arguments p are (n_patterns, n_units), P(h = 1 | v) for each pattern v.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.machine.exact import entropy
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import Samples
from analysis.pruning import fisher
from analysis.pruning.removal import Layers, least_important

OfUnits = dict[tuple[str, int], tuple[np.ndarray, str, str]]  # {(name, layer): values of its units, long_name, units}
# The multinomial logistic regression of every encoding error, digit quality and class share. Inverse strength of the
# L2 penalty: the best of 0.02 ... 0.1 for the raw pixels of the training digits (5-fold cross-validation).
CLASSIFIER = {"C": 0.05, "tol": 1e-4, "max_iter": 1000}


def stable(value: ArrayLike) -> np.ndarray:
    """Rounded to float32: sums and functions of float64 differ between machines from the 15th digit on, not the 7th."""
    return np.asarray(value, dtype=np.float32)


def variable(dims: str | tuple, values: Any, long_name: str, units: str, **attrs: Any) -> tuple:
    """(dims, values, attributes with name and unit): a variable as xarray takes it."""
    return dims, values, {"long_name": long_name, "units": units} | attrs


def classifier() -> Any:
    """argmin_W sum_n - log P(label_n | W features_n) + |W|^2 / (2 C): multinomial logistic regression, to be fitted.

    Scikit-learn's LogisticRegression (L-BFGS) behind the features' centring, which leaves the optimum where it is and
    brings L-BFGS there in fewer steps. The protocol takes it on raw pixels for digit quality and class share, on
    mean-field states for the encoding error.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(with_std=False), LogisticRegression(solver="lbfgs", **CLASSIFIER))


def misread(
    train_features: np.ndarray,
    train_label: np.ndarray,
    test_features: np.ndarray,
    test_label: np.ndarray,
    n_folds: int | None = None,
) -> np.ndarray:
    """(n_test,) bool: test patterns whose class multinomial logistic regression gets wrong; its mean is the error.

    With n_folds: of all patterns, (n_train + n_test,), each by a classifier that was fitted to the other folds.
    features : (n_patterns, n_features), values in [0, 1], such as the mean field of the last layer
    """
    if n_folds is None:
        fitted = classifier().fit(train_features.astype(np.float64), train_label)
        return fitted.predict(test_features.astype(np.float64)) != test_label
    from sklearn.model_selection import cross_val_predict

    features, labels = np.concatenate([train_features, test_features]), np.concatenate([train_label, test_label])
    return cross_val_predict(classifier(), features.astype(np.float64), labels, cv=n_folds) != labels


def digit_quality(classifier: Any, images: np.ndarray) -> float:
    """< max_c P(c | image) >, to three decimals: mean probability of the winning class.

    The classifier's weights end where its gradient is below a tolerance, which depends on the last bits of BLAS.
    images : (n_images, n_pixels), in [0, 1]
    """
    return round(float(classifier.predict_proba(np.asarray(images, dtype=np.float64)).max(axis=1).mean()), 3)


def class_share(classifier: Any, images: np.ndarray) -> np.ndarray:
    """Share of the images that each class wins: (n_classes,), in the order of classifier.classes_, sum 1."""
    winners = classifier.predict(np.asarray(images, dtype=np.float64))
    return np.mean(winners[:, None] == classifier.classes_, axis=0)


def unit_activity(machine: BoltzmannMachine, pruned_states: Layers, states: Samples) -> OfUnits:
    """Mean activity, Fisher information and numbers of synapses of each unit, retrained; activity before that, too."""
    found: OfUnits = {}
    information, inputs, outputs = ([np.zeros(n) for n in machine.n_units] for _ in range(3))
    for k, (mask, variance) in enumerate(zip(machine.masks, fisher.variances(states))):
        f = np.where(mask, variance, 0.0)
        information[k] += f.sum(axis=1)
        information[k + 1] += f.sum(axis=0)
        outputs[k], inputs[k + 1] = mask.sum(axis=1), mask.sum(axis=0)
    for k, (pruned, retrained) in enumerate(zip(pruned_states, states)):
        text = "mean spontaneous activity"
        found["activity", k] = retrained.mean(axis=0), text, "probability"
        found["activity_pruned", k] = pruned.mean(axis=0), f"{text} right after the pruning", "probability"
        found["fisher", k] = information[k], "Fisher information of the unit's synapses, sum", "1"
        found["inputs", k] = inputs[k], "synapses from the layer below", "counts"
        found["outputs", k] = outputs[k], "synapses to the layer above", "counts"
    return found


def unit_selectivity(views: Layers, patterns: np.ndarray, labels: np.ndarray | None) -> OfUnits:
    """What hidden units tell of patterns (n, n_0) and of their labels, if any; views : P(x_l | pattern) a layer."""
    found: OfUnits = {}
    for k, p in enumerate(views[1:], 1):
        found["input_information", k] = input_information(p), "what the unit tells of its input", "nats"
        found["sparseness", k] = lifetime_sparseness(p), "lifetime sparseness over test patterns", "1"
        found["pixel_tuning", k] = pixel_tuning(p, patterns), "largest |correlation| with a pixel", "1"
        if labels is not None:
            found["digit_information", k] = label_information(p, labels), "what it tells of the digit", "nats"
    return found


def input_information(p: np.ndarray) -> np.ndarray:
    """I(h; v) = H(<p>) - <H(p)>, what a binary unit tells about its input: (n_units,), from 0 to log 2."""
    p = np.asarray(p, dtype=np.float64)
    return np.maximum(entropy(p.mean(axis=0)) - entropy(p).mean(axis=0), 0.0)


def label_information(p: np.ndarray, labels: ArrayLike) -> np.ndarray:
    """I(h; c) = H(<p>) - sum_c P(c) H(<p>_c), what a binary unit tells about the class: (n_units,).

    <p>_c is the mean over the patterns of class c, P(c) their share. With n patterns and k classes, a unit that tells
    nothing has an expected value of about (k - 1) / 2n times the variance of p over that of h (Miller 1955).
    """
    p, labels = np.asarray(p, dtype=np.float64), np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    given_class = sum(n * entropy(p[labels == c].mean(axis=0)) for c, n in zip(classes, counts)) / len(p)
    return np.maximum(entropy(p.mean(axis=0)) - given_class, 0.0)


def lifetime_sparseness(p: np.ndarray) -> np.ndarray:
    """S = (1 - <p>^2 / <p^2>) / (1 - 1 / n), means over n patterns: how rarely, and then how strongly, a unit responds.

    Returns (n_units,), from 0 (the same response to all patterns, or never any) to 1 (to one pattern alone). Source:
    Vinje & Gallant (2000), doi:10.1126/science.287.5456.1273, after Treves & Rolls (1991),
    doi:10.1088/0954-898X_2_4_004, whose a is <p>^2 / <p^2>.
    """
    p = np.asarray(p, dtype=np.float64)
    if len(p) < 2:
        raise ValueError(f"p: found {len(p)} pattern, expected two or more: sparseness compares patterns")
    mean, square = p.mean(axis=0), (p * p).mean(axis=0)
    ratio = np.divide(mean * mean, square, out=np.ones_like(mean), where=square > 0)
    return np.clip((1.0 - ratio) / (1.0 - 1.0 / len(p)), 0.0, 1.0)


def pixel_tuning(p: np.ndarray, patterns: ArrayLike) -> np.ndarray:
    """T_j = max_i |Corr(p_j, v_i)| over patterns: how well one pixel alone predicts a unit's response.

    patterns : (n_patterns, n_pixels), values in {0, 1}. Returns (n_units,), from 0 to 1; a unit or pixel that never
    changes has correlation 0. p is rounded to multiples of 2^-24, whose sums are exact in float64; the last bits of
    what follows may differ with the order of patterns, and are rounded off where it is stored.
    """
    p, v = np.round(np.asarray(p, dtype=np.float64) * 2.0**24), np.asarray(patterns, dtype=np.float64)
    covariance = p.T @ v / len(p) - np.outer(p.mean(axis=0), v.mean(axis=0))
    spread = np.outer(p.std(axis=0), v.std(axis=0))
    correlation = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
    return np.minimum(np.abs(correlation).max(axis=1), 1.0)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of ranks; NaN where either is constant."""
    from scipy.stats import rankdata  # takes as long to import as all else: most runs need no rank

    x, y = (rankdata(z) - (len(z) + 1) / 2 for z in (x, y))
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm > 0 else np.nan


def share_in_common(x: np.ndarray, y: np.ndarray, fraction: float = 0.5) -> float:
    """|X and Y| / mean(|X|, |Y|), X and Y what a session would prune of a layer's synapses by importance x and by y."""
    by_x, by_y = (least_important(np.asarray(z), fraction) for z in (x, y))
    return float((by_x & by_y).sum() / ((by_x.sum() + by_y.sum()) / 2))
