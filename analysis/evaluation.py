"""Measures of what machines know, on arrays.

    I(x; s) = H(<p>) - <H(p)>,   p = P(x = 1 | s)
    error = share of patterns whose class a classifier gets wrong

Information is in nats. Source: Cover & Thomas (2006), Elements of Information Theory, eq. 2.40 (I = H - H(.|.)).
"""

import numpy as np

from analysis.exact import distinct_patterns, entropy
from analysis.model import check_binary

# The multinomial logistic regression of every encoding error, digit quality and class share. Inverse strength of the
# L2 penalty: the best of 0.02 ... 0.1 for the raw pixels of the training digits (5-fold cross-validation).
CLASSIFIER = {"C": 0.05, "tol": 1e-4, "max_iter": 1000}


def rank_probabilities(log_probabilities, ranks):
    """P(pattern of rank r): the r-th largest of exp(log_probabilities), rank 1 the most probable.

    log_probabilities : (n_patterns,), nats. ranks : (n_ranks,), integers from 1 to n_patterns. Returns (n_ranks,).
    Raises ValueError for ranks below 1 or above n_patterns.
    """
    ranks = _check_ranks(ranks)
    if ranks.max() > len(log_probabilities):
        raise ValueError(f"ranks: found {ranks.max()}, expected at most {len(log_probabilities)}, one a pattern")
    return np.exp(np.sort(log_probabilities)[::-1][ranks - 1])


def data_rank_probabilities(patterns, ranks):
    """Share of the patterns that are the r-th most frequent one; 0 where fewer than r patterns differ.

    patterns : (n_patterns, n_units), values in {0, 1}. ranks : (n_ranks,), integers >= 1. Returns (n_ranks,).
    Raises ValueError for ranks below 1 and patterns that are not binary.
    """
    ranks = _check_ranks(ranks)
    _, counts = distinct_patterns(check_binary("patterns", patterns))
    sorted_counts = np.zeros(max(ranks.max(), len(counts)))
    sorted_counts[: len(counts)] = np.sort(counts)[::-1]
    return sorted_counts[ranks - 1] / counts.sum()


def encoding_error(train_features, train_label, test_features, test_label):
    """Share of test patterns whose class multinomial logistic regression gets wrong.

    features : (n_patterns, n_features), values in [0, 1], such as the mean field of the last layer.
    labels : (n_patterns,). Raises ValueError for lengths that differ and features that are not finite.
    """
    classifier = raw_pixel_classifier(train_features, train_label)
    features, labels = _check_labelled("test_features", test_features, test_label)
    return float(np.mean(classifier.predict(features) != labels))


def raw_pixel_classifier(features, labels):
    """argmin_W sum_n - log P(label_n | W features_n) + |W|^2 / (2 C): multinomial logistic regression, fitted.

    Returns scikit-learn's LogisticRegression (L-BFGS). The protocol takes it on raw pixels for digit quality and class
    share, on mean-field states for the encoding error. Raises ValueError as `encoding_error`.
    """
    from sklearn.linear_model import LogisticRegression

    features, labels = _check_labelled("features", features, labels)
    return LogisticRegression(solver="lbfgs", **CLASSIFIER).fit(features, labels)


def digit_quality(classifier, images):
    """< max_c P(c | image) >: mean probability of the winning class. images : (n_images, n_pixels), in [0, 1]."""
    return float(classifier.predict_proba(np.asarray(images, dtype=np.float64)).max(axis=1).mean())


def class_share(classifier, images):
    """Share of the images that each class wins: (n_classes,), in the order of classifier.classes_, sum 1."""
    winners = classifier.predict(np.asarray(images, dtype=np.float64))
    return np.mean(winners[:, None] == classifier.classes_, axis=0)


def input_information(p):
    """I(h; v) = H(<p>) - <H(p)>, in nats a unit: what a binary unit tells about its input.

    p : (n_patterns, n_units), P(h = 1 | v) for each pattern. Returns (n_units,), from 0 to log 2. Raises ValueError
    for what is no table of probabilities.
    """
    p = _check_probabilities(p)
    return np.maximum(entropy(p.mean(axis=0)) - entropy(p).mean(axis=0), 0.0)


def label_information(p, labels):
    """I(h; c) = H(<p>) - sum_c P(c) H(<p>_c), in nats a unit: what a binary unit tells about the class.

    p : (n_patterns, n_units), P(h = 1 | v); labels : (n_patterns,). <p>_c is the mean over the patterns of class c,
    P(c) their share. Returns (n_units,). With n patterns and k classes, a unit that tells nothing has an expected
    value of about (k - 1) / 2n times the variance of p over that of h (Miller 1955). Raises ValueError for what is no
    table of probabilities and for another number of labels.
    """
    p = _check_probabilities(p)
    labels = np.asarray(labels)
    if labels.shape != p.shape[:1]:
        raise ValueError(f"labels: found shape {labels.shape}, expected {p.shape[:1]}, one a pattern")
    classes, counts = np.unique(labels, return_counts=True)
    given_class = sum(n * entropy(p[labels == c].mean(axis=0)) for c, n in zip(classes, counts)) / len(p)
    return np.maximum(entropy(p.mean(axis=0)) - given_class, 0.0)


def _check_ranks(ranks):
    ranks = np.atleast_1d(ranks)
    if ranks.size == 0 or not np.issubdtype(ranks.dtype, np.integer) or ranks.min() < 1:
        raise ValueError(f"ranks: found {ranks}, expected integers from 1 (the most probable pattern)")
    return ranks


def _check_probabilities(p):
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] == 0 or not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"p: found shape {p.shape}, expected (n_patterns, n_units) of probabilities in [0, 1]")
    return p


def _check_labelled(name, features, labels):
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"{name}: found shape {features.shape} with labels {labels.shape}, "
            "expected (n_patterns, n_features) with (n_patterns,)"
        )
    if not np.isfinite(features).all():
        raise ValueError(f"{name}: found values that are not finite, expected finite numbers")
    return features, labels
