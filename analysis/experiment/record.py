"""What a run remembers: measures and machines, session by session, in the indices of the over-produced machine."""

import numpy as np
import xarray as xr

from analysis import pruning
from analysis.experiment import measures
from analysis.machine import exact
from analysis.machine.randomness import bits
from analysis.machine.training import Schedule, mean_field
from analysis.pruning import fisher

STAGES = ["pruned", "retrained"]
RANKS = np.unique(np.round(np.geomspace(1, 8192, 80)).astype(int))
N_EXAMPLES = 16
LOST_EARLIER = -1
# The classifier's weights end where its gradient is below a tolerance, which depends on the last bits of BLAS.
QUALITY_DIGITS = 3
_PROBABILITY = {"units": "probability"}
_NATS = {"units": "nats"}


def stable(value):
    """Rounded to float32: sums and functions of float64 differ between machines from the 15th digit on, not the 7th."""
    return np.asarray(value, dtype=np.float32)


def views(settings, machine, patterns):
    """The machine's view of the patterns, one array a layer: mean field, relaxed as far as in its training."""
    schedule = Schedule(**settings["retraining"])
    return mean_field(machine, patterns, schedule.n_mean_field_steps, schedule.tolerance)


def encoding_error(settings, machine, patterns):
    """Error on the test patterns of a linear classifier that reads the last layer, fraction.

    patterns : a data set with labels as `data.load` gives it, (n_patterns, n_0) in train and test.
    """
    train, test = (views(settings, machine, patterns[name].values)[-1] for name in ("train", "test"))
    return measures.encoding_error(train, patterns["train_label"].values, test, patterns["test_label"].values)


class Run:
    """Collects the sessions of one run; `dataset` puts them together, `done` is such a dataset to go on from."""

    def __init__(self, settings, machine, patterns, done=None):
        self._settings, self._patterns = settings, patterns
        self._original = machine
        self._sessions, self._datasets = [], []
        self._constants = {}
        self._classifier = None
        self._ranks = RANKS[RANKS <= 2 ** min(patterns.sizes["pixel"], 13)]  # fewer pixels have fewer patterns
        if "digits" in settings["measures"] and "test_label" in patterns:
            self._prepare_digits()
        elif "kl" in settings["measures"]:
            shares = measures.data_rank_probabilities(patterns["train"].values, self._ranks)
            self._constants["data_rank_probability"] = (
                "rank",
                shares,
                _text("pattern probability in the data", **_PROBABILITY),
            )

        if done is not None:
            self._take_up(done)

    def _take_up(self, done):
        done = done.drop_vars([name for name in ("layer", "synapse_layer", "rank") if name in done.coords])
        constants = [name for name, v in done.data_vars.items() if "session" not in v.dims]
        self._constants |= {name: done[name].variable for name in constants}
        self._sessions = done["session"].values.tolist()
        sessions = done.drop_vars(constants)
        self._datasets = [sessions.isel(session=k, drop=True) for k in range(len(self._sessions))]
        if self._original is not None:
            layers = range(len(self._original.n_units))
            self._causes = [sessions[f"loss_cause_{k}"].values[-1].copy() for k in layers]

    def add(self, session, pruned, retrained, kept, pruned_states, states, importance, causes):
        """Measure a session: the machine after pruning and after retraining, and the units it lost.

        pruned_states, states : samples of both, one array (n_chains, n_l) a layer; kept and causes as in pruning.Pruned
        importance : before the next pruning, one array (n_l, n_l+1) a layer
        """
        stages = [self._measures(pruned, pruned_states)]
        stages.append(stages[0] if retrained is pruned else self._measures(retrained, states))
        dataset = xr.concat(stages, xr.Variable("stage", STAGES))
        dataset = dataset.merge(_sizes(retrained)).merge(self._units(retrained, kept, states, causes))
        dataset = dataset.merge(self._activity_after_pruning(kept, pruned_states))
        self._append(session, dataset.merge(self._machine(retrained, kept, importance)))

    def add_control(self, session, machine, states):
        """Measure a machine that was trained from scratch; states: one array (n_chains, n_l) a layer."""
        measured = self._measures(machine, states).expand_dims(stage=["retrained"])
        self._append(session, measured.merge(_sizes(machine)))

    def dataset(self):
        """The run dataset."""
        dataset = xr.concat(self._datasets, xr.Variable("session", self._sessions))
        constants = xr.Dataset(self._constants)
        coordinates = {"layer": np.arange(dataset.sizes["layer"])}
        coordinates["synapse_layer"] = np.arange(1, dataset.sizes["layer"])
        if "rank" in dataset.dims:
            coordinates["rank"] = self._ranks
        return dataset.merge(constants).assign_coords(coordinates)

    def _append(self, session, dataset):
        self._sessions.append(session)
        self._datasets.append(dataset)

    def _measures(self, machine, states):
        """Function of a machine and its spontaneous activity, whatever its size."""
        rates = [float(x.mean()) for x in states]
        found = {"activity": ("layer", rates, _text("mean spontaneous activity", **_PROBABILITY))}
        if "kl" in self._settings["measures"]:
            log_p = exact.visible_log_probabilities(machine)
            kl = exact.kl_divergence(self._patterns["train"].values, machine)
            found["kl"] = ((), stable(kl), _text("KL(data || model), exact", **_NATS))
            p = stable(measures.rank_probabilities(log_p, self._ranks))
            found["rank_probability"] = ("rank", p, _text("pattern probability under the model, exact", **_PROBABILITY))
        if self._classifier is not None:
            found |= self._digit_measures(machine, states)
        return xr.Dataset(found)

    def _prepare_digits(self):
        d = self._patterns
        self._classifier = measures.raw_pixel_classifier(d["train"].values, d["train_label"].values)
        error = np.mean(self._classifier.predict(d["test"].values) != d["test_label"].values)
        noise = (bits(0, 0, d["test"].size) & 1).reshape(d["test"].shape)
        quality = measures.digit_quality
        share = np.bincount(d["test_label"].values, minlength=len(self._classifier.classes_)) / d.sizes["test_pattern"]
        self._constants |= {
            "raw_pixel_error": ((), error, _text("error of the classifier on raw pixels", units="fraction")),
            "digit_quality_test": (
                (),
                round(quality(self._classifier, d["test"].values), QUALITY_DIGITS),
                _text("of test digits", **_PROBABILITY),
            ),
            "digit_quality_random": (
                (),
                round(quality(self._classifier, noise), QUALITY_DIGITS),
                _text("of random patterns", **_PROBABILITY),
            ),
            "test_class_share": ("digit", share, _text("share of the class among test digits", units="fraction")),
        }

    def _digit_measures(self, machine, states):
        error, images = encoding_error(self._settings, machine, self._patterns), states[0]
        quality, share = (
            measures.digit_quality(self._classifier, images),
            measures.class_share(self._classifier, images),
        )
        return {
            "encoding_error": ((), error, _text("error of the classifier on the last layer", units="fraction")),
            "digit_quality": (
                (),
                round(quality, QUALITY_DIGITS),
                _text("mean probability of the winning class", **_PROBABILITY),
            ),
            "class_share": ("digit", share, _text("share of the class among generated images", units="fraction")),
            "example": (("image", "unit_0"), images[:N_EXAMPLES], _text("generated images", units="1")),
        }

    def _units(self, machine, kept, states, causes):
        """What each unit does before the next session, NaN where it is gone; and why it went in this one."""
        self._update_causes(causes)
        activity = [x.mean(axis=0) for x in states]
        information = [np.zeros(n) for n in machine.n_units]
        degree = [np.zeros(n) for n in machine.n_units]
        for k, (pre, post) in enumerate(zip(states, states[1:])):
            f = np.where(machine.masks[k], fisher.variance_estimate(pre, post), 0.0)
            for layer, axis in ((k, 1), (k + 1, 0)):
                information[layer] += f.sum(axis=axis)
                degree[layer] += machine.masks[k].sum(axis=axis)
        found = {}
        for k in range(len(kept)):
            size = self._original.n_units[k]
            found[f"loss_cause_{k}"] = (f"unit_{k}", self._causes[k].copy(), _cause_text())
            for name, values, text in (
                ("activity", activity, _text("mean spontaneous activity", **_PROBABILITY)),
                ("fisher", information, _text("Fisher information of the unit's synapses, sum", units="1")),
                ("degree", degree, _text("synapses of the unit", units="counts")),
            ):
                found[f"unit_{name}_{k}"] = (f"unit_{k}", _embed(values[k], kept[k], size), text)
        found |= self._selectivity(machine, kept)
        p = self._patterns["train"].values.mean(axis=0)
        self._constants["unit_entropy_0"] = (
            "unit_0",
            stable(exact.entropy(p)),
            _text("entropy of the pixel in the data", **_NATS),
        )
        connected = int(machine.masks[0].any(axis=1).sum())
        found["n_connected_visible"] = ((), connected, _text("visible units with a synapse", units="counts"))
        return xr.Dataset(found)

    def _activity_after_pruning(self, kept, states):
        """Activity of each unit left, before any retraining: what the loss of the others does to it."""
        text, found = _text("mean spontaneous activity right after the pruning", **_PROBABILITY), {}
        for k, x in enumerate(states):
            whole = _embed(x.mean(axis=0), kept[k], self._original.n_units[k])
            found[f"unit_activity_pruned_{k}"] = (f"unit_{k}", whole, text)
        return xr.Dataset(found)

    def _update_causes(self, causes):
        """Loss of each unit in this session, in original indices: 0 kept, 1-3 why, -1 lost earlier."""
        if causes is None:
            self._causes = [np.zeros(n, dtype=np.int8) for n in self._original.n_units]
            return
        for now, new in zip(self._causes, causes):
            alive = np.flatnonzero(now == pruning.KEPT)
            now[now != pruning.KEPT] = LOST_EARLIER
            now[alive] = new

    def _selectivity(self, machine, kept):
        d, found = self._patterns, {}
        patterns = d["test"].values
        for k, p in enumerate(views(self._settings, machine, patterns)):
            of_units = {}
            if k > 0:
                of_units = {
                    "input_information": (measures.input_information(p), "what the unit tells of its input", "nats"),
                    "sparseness": (measures.lifetime_sparseness(p), "lifetime sparseness over test patterns", "1"),
                    "pixel_tuning": (measures.pixel_tuning(p, patterns), "largest |correlation| with a pixel", "1"),
                }
                if self._classifier is not None:
                    information = measures.label_information(p, d["test_label"].values)
                    of_units["digit_information"] = (information, "what it tells of the digit", "nats")
            for name, (values, text, units) in of_units.items():
                whole = _embed(values, kept[k], self._original.n_units[k])
                found[f"unit_{name}_{k}"] = (f"unit_{k}", whole, _text(text, units=units))
        return found

    def _machine(self, machine, kept, importance):
        """The retrained machine in the indices of the over-produced one, 0 where there is nothing left."""
        whole, shapes = {}, self._original.n_units
        for k, bias in enumerate(machine.biases):
            whole[f"bias_{k}"] = (f"unit_{k}", _embed(bias, kept[k], shapes[k], 0), _text("bias", **_NATS))
        for k, (weight, mask) in enumerate(zip(machine.weights, machine.masks)):
            dims, pair, shape = (f"unit_{k}", f"unit_{k + 1}"), kept[k : k + 2], shapes[k : k + 2]
            whole[f"weight_{k + 1}"] = (dims, _embed_matrix(weight, pair, shape), _text("synaptic weight", **_NATS))
            whole[f"mask_{k + 1}"] = (
                dims,
                _embed_matrix(mask.astype(np.uint8), pair, shape),
                _text("synapse exists", units="1"),
            )
            if "importance" in self._settings["measures"]:
                score = np.where(mask, importance[k], 0).astype(np.float32)
                whole[f"importance_{k + 1}"] = (
                    dims,
                    _embed_matrix(score, pair, shape),
                    _text("importance by the criterion", units="1"),
                )
        return xr.Dataset(whole)


def _sizes(machine):
    return xr.Dataset(
        {
            "n_units": ("layer", list(machine.n_units), _text("units left", units="counts")),
            "n_synapses": ("synapse_layer", list(machine.n_synapses), _text("synapses left", units="counts")),
        }
    )


def _text(long_name, **attrs):
    return {"long_name": long_name} | attrs


def _cause_text():
    codes = {LOST_EARLIER: "lost_earlier"} | pruning.CAUSES
    values = np.array(list(codes), dtype=np.int8)
    return _text(
        "why the unit went in this session", flag_values=values, flag_meanings=" ".join(codes.values()), units="1"
    )


def _embed(values, kept, size, empty=np.nan):
    whole = np.full(size, empty, dtype=np.float32)
    whole[kept] = values
    return whole


def _embed_matrix(values, kept, shape):
    whole = np.zeros(shape, dtype=values.dtype)
    whole[np.ix_(*kept)] = values
    return whole
