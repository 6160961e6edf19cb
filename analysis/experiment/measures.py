"""Measures of what machines and their units know.

    I(x; s) = H(<p>) - <H(p)>,   p = P(x = 1 | s)
    error = share of patterns whose class a classifier gets wrong
    S = (1 - <p>^2 / <p^2>) / (1 - 1 / n)

Information is in nats. Source: Cover & Thomas (2006), Elements of Information Theory, eq. 2.40 (I = H - H(.|.)).
Arguments p are (n_patterns, n_units), P(h = 1 | v) for each pattern v; anything else raises ValueError.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.machine.arguments import check_binary
from analysis.machine.exact import distinct_patterns, entropy
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import fisher

Layers = Sequence[np.ndarray]
OfUnits = dict[tuple[str, int], tuple[np.ndarray, str, str]]  # {(name, layer): values of its units, long_name, units}
# The multinomial logistic regression of every encoding error, digit quality and class share. Inverse strength of the
# L2 penalty: the best of 0.02 ... 0.1 for the raw pixels of the training digits (5-fold cross-validation).
CLASSIFIER = {"C": 0.05, "tol": 1e-4, "max_iter": 1000}


def stable(value: ArrayLike) -> np.ndarray:
    """Rounded to float32: sums and functions of float64 differ between machines from the 15th digit on, not the 7th."""
    return np.asarray(value, dtype=np.float32)


def variable(dims: str | tuple, values: Any, long_name: str, units: str, **attrs: Any) -> tuple:
    """A variable as xarray takes it."""
    return dims, values, {"long_name": long_name, "units": units} | attrs


def rank_probabilities(log_probabilities: np.ndarray, ranks: ArrayLike) -> np.ndarray:
    """P(pattern of rank r): the r-th largest of exp(log_probabilities), rank 1 the most probable.

    log_probabilities : (n_patterns,), nats. ranks : (n_ranks,), integers from 1 to n_patterns; others raise ValueError.
    """
    ranks = _check_ranks(ranks)
    if ranks.max() > len(log_probabilities):
        raise ValueError(f"ranks: found {ranks.max()}, expected at most {len(log_probabilities)}, one a pattern")
    return np.exp(np.sort(log_probabilities)[::-1][ranks - 1])


def data_rank_probabilities(patterns: ArrayLike, ranks: ArrayLike) -> np.ndarray:
    """Share of the patterns (n_patterns, n_units) that are the r-th most frequent one; 0 where fewer differ."""
    ranks = _check_ranks(ranks)
    _, counts = distinct_patterns(check_binary("patterns", patterns))
    sorted_counts = np.zeros(max(ranks.max(), len(counts)))
    sorted_counts[: len(counts)] = np.sort(counts)[::-1]
    return sorted_counts[ranks - 1] / counts.sum()


def _check_ranks(ranks: ArrayLike) -> np.ndarray:
    ranks = np.atleast_1d(ranks)
    if ranks.size == 0 or not np.issubdtype(ranks.dtype, np.integer) or ranks.min() < 1:
        raise ValueError(f"ranks: found {ranks}, expected integers from 1 (the most probable pattern)")
    return ranks


def raw_pixel_classifier(features: ArrayLike, labels: ArrayLike) -> Any:
    """argmin_W sum_n - log P(label_n | W features_n) + |W|^2 / (2 C): multinomial logistic regression, fitted.

    Returns scikit-learn's LogisticRegression (L-BFGS) behind the features' centring, which leaves the optimum where it
    is and brings L-BFGS there in fewer steps. The protocol takes it on raw pixels for digit quality and class share, on
    mean-field states for the encoding error. Raises ValueError as `encoding_error`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = _check_labelled("features", features, labels)
    classifier = make_pipeline(StandardScaler(with_std=False), LogisticRegression(solver="lbfgs", **CLASSIFIER))
    return classifier.fit(features, labels)


def encoding_error(
    train_features: np.ndarray, train_label: np.ndarray, test_features: np.ndarray, test_label: np.ndarray
) -> float:
    """Share of test patterns whose class multinomial logistic regression gets wrong.

    features : (n_patterns, n_features), values in [0, 1], such as the mean field of the last layer.
    labels : (n_patterns,). Raises ValueError for lengths that differ and features that are not finite.
    """
    classifier = raw_pixel_classifier(train_features, train_label)
    features, labels = _check_labelled("test_features", test_features, test_label)
    return float(np.mean(classifier.predict(features) != labels))


def _check_labelled(name: str, features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        found, expected = (
            f"shape {features.shape} with labels {labels.shape}",
            "(n_patterns, n_features) with (n_patterns,)",
        )
        raise ValueError(f"{name}: found {found}, expected {expected}")
    if not np.isfinite(features).all():
        raise ValueError(f"{name}: found values that are not finite, expected finite numbers")
    return features, labels


def digit_quality(classifier: Any, images: np.ndarray) -> float:
    """< max_c P(c | image) >: mean probability of the winning class. images : (n_images, n_pixels), in [0, 1]."""
    return float(classifier.predict_proba(np.asarray(images, dtype=np.float64)).max(axis=1).mean())


def class_share(classifier: Any, images: np.ndarray) -> np.ndarray:
    """Share of the images that each class wins: (n_classes,), in the order of classifier.classes_, sum 1."""
    winners = classifier.predict(np.asarray(images, dtype=np.float64))
    return np.mean(winners[:, None] == classifier.classes_, axis=0)


def unit_activity(machine: BoltzmannMachine, pruned_states: Layers, states: Layers) -> OfUnits:
    """Of the retrained machine: mean activity, Fisher information and number of synapses of each unit.

    And mean activity right after the pruning, before any retraining: what the loss of the others does to it.
    """
    found: OfUnits = {}
    information, degree = ([np.zeros(n) for n in machine.n_units] for _ in range(2))
    for k, mask in enumerate(machine.masks):
        f = np.where(mask, fisher.variance_estimate(states[k], states[k + 1]), 0.0)
        for layer, axis in ((k, 1), (k + 1, 0)):
            information[layer] += f.sum(axis=axis)
            degree[layer] += mask.sum(axis=axis)
    for k, (pruned, retrained) in enumerate(zip(pruned_states, states)):
        text = "mean spontaneous activity"
        found["activity", k] = retrained.mean(axis=0), text, "probability"
        found["activity_pruned", k] = pruned.mean(axis=0), f"{text} right after the pruning", "probability"
        found["fisher", k] = information[k], "Fisher information of the unit's synapses, sum", "1"
        found["degree", k] = degree[k], "synapses of the unit", "counts"
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
    p = _check_probabilities(p)
    return np.maximum(entropy(p.mean(axis=0)) - entropy(p).mean(axis=0), 0.0)


def label_information(p: np.ndarray, labels: ArrayLike) -> np.ndarray:
    """I(h; c) = H(<p>) - sum_c P(c) H(<p>_c), what a binary unit tells about the class: (n_units,).

    labels : (n_patterns,). <p>_c is the mean over the patterns of class c, P(c) their share. With n patterns and k
    classes, a unit that tells nothing has an expected value of about (k - 1) / 2n times the variance of p over that of
    h (Miller 1955).
    """
    p = _check_probabilities(p)
    labels = np.asarray(labels)
    if labels.shape != p.shape[:1]:
        raise ValueError(f"labels: found shape {labels.shape}, expected {p.shape[:1]}, one a pattern")
    classes, counts = np.unique(labels, return_counts=True)
    given_class = sum(n * entropy(p[labels == c].mean(axis=0)) for c, n in zip(classes, counts)) / len(p)
    return np.maximum(entropy(p.mean(axis=0)) - given_class, 0.0)


def lifetime_sparseness(p: np.ndarray) -> np.ndarray:
    """S = (1 - <p>^2 / <p^2>) / (1 - 1 / n), means over n patterns: how rarely, and then how strongly, a unit responds.

    Returns (n_units,), from 0 (the same response to all patterns, or never any) to 1 (to one pattern alone). Source:
    Vinje & Gallant (2000), doi:10.1126/science.287.5456.1273, after Treves & Rolls (1991),
    doi:10.1088/0954-898X_2_4_004, whose a is <p>^2 / <p^2>.
    """
    p = _check_probabilities(p)
    if len(p) < 2:
        raise ValueError(f"p: found {len(p)} pattern, expected two or more: sparseness compares patterns")
    mean, square = p.mean(axis=0), (p * p).mean(axis=0)
    ratio = np.divide(mean * mean, square, out=np.ones_like(mean), where=square > 0)
    return np.clip((1.0 - ratio) / (1.0 - 1.0 / len(p)), 0.0, 1.0)


def pixel_tuning(p: np.ndarray, patterns: ArrayLike) -> np.ndarray:
    """T_j = max_i |Corr(p_j, v_i)| over patterns: how well one pixel alone predicts a unit's response.

    patterns : (n_patterns, n_pixels), values in {0, 1}. Returns (n_units,), from 0 to 1; a unit or pixel that never
    changes has correlation 0. p is rounded to multiples of 2^-24: sums of these are exact in float64, so that no order
    of adding changes a bit.
    """
    p, v = np.round(_check_probabilities(p) * 2.0**24), check_binary("patterns", patterns).astype(np.float64)
    if len(v) != len(p):
        raise ValueError(f"patterns: found {len(v)}, expected {len(p)}, one a row of p")
    covariance = p.T @ v / len(p) - np.outer(p.mean(axis=0), v.mean(axis=0))
    spread = np.outer(p.std(axis=0), v.std(axis=0))
    correlation = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
    return np.minimum(np.abs(correlation).max(axis=1), 1.0)


def _check_probabilities(p: np.ndarray) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] == 0 or not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"p: found shape {p.shape}, expected (n_patterns, n_units) of probabilities in [0, 1]")
    return p


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of ranks; NaN where either is constant."""
    from scipy.stats import rankdata  # takes as long to import as all else: most runs need no rank

    x, y = (rankdata(z) - (len(z) + 1) / 2 for z in (x, y))
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm > 0 else np.nan


def share_in_common(x: np.ndarray, y: np.ndarray, fraction: float = 0.5) -> float:
    """|lowest by x and lowest by y| / n, n = the `fraction` of all; NaN for none. Ties by position, as in pruning."""
    n = int(fraction * len(x))
    lowest = (set(np.argsort(z, kind="stable")[:n].tolist()) for z in (x, y))
    return len(set.intersection(*lowest)) / n if n else np.nan
