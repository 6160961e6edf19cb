"""Over-produce, then (score, prune, retrain) session by session; and the controls that were born small.

    overproduce    the large machine, trained
    prune_run      what a criterion leaves of it, session by session
    control_run    machines of the sizes that pruning reached, trained from scratch with as many parameter updates
    proxy_run      the local estimates of Fisher information beside the exact matrix (small machines)

Every function returns one xarray.Dataset, a pure function of (settings, seed) and of the runs that it starts from.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, protocols for image patches and for digits.
"""

import numpy as np
import xarray as xr

from analysis import data, exact, fisher, pruning, record
from analysis.model import BoltzmannMachine
from analysis.random import choice, derive
from analysis.sampling import sample
from analysis.training import Schedule, pretrain_greedily, train

CONTROLS = {}


def overproduce(settings, seed, progress=False):
    """The large machine of an experiment, trained, and samples of its activity: the start of every run of this seed."""
    patterns = data.load(settings["dataset"])["train"].values
    n_units, masks = (patterns.shape[1], *settings["machine"]["hidden"]), initial_masks(settings, patterns.shape[1])
    machine = new_machine(settings, n_units, masks, patterns, derive(seed, "overproduced"))
    machine = develop(settings, machine, patterns, 0, derive(seed, "development"), progress)
    states = spontaneous(settings, machine, derive(seed, "sleep", 0))
    attrs = {"long_name": "spontaneous activity", "units": "1"}
    samples = {f"state_{layer}": (("chain", f"unit_{layer}"), x, attrs) for layer, x in enumerate(states)}
    return machine.to_dataset().assign(samples)


def prune_run(settings, name, seed, overproduced, progress=False, done=None, save=None):
    """Sessions of (score, prune, retrain) of an over-produced machine by one criterion: the run dataset.

    save : called with the dataset of the sessions so far after each of them; done : such a dataset to go on from,
    which gives the same bits as a run without a break, since every random number is a function of seed and position
    """
    score, patterns = pruning.criterion(name), data.load(settings["dataset"])
    original = BoltzmannMachine.from_dataset(overproduced)
    run = record.Run(settings, original, patterns, done)
    if done is None:
        last, machine, kept = 0, original, tuple(np.arange(n) for n in original.n_units)
    else:
        last = int(done["session"][-1])
        machine, kept = machine_of(done, last), tuple(kept_units(done, last))
    if last == 0:
        states = [overproduced[f"state_{layer}"].values for layer in range(len(kept))]
    else:
        states = spontaneous(settings, machine, derive(seed, "sleep", last))
    importance = score(machine, states, derive(seed, name, last))
    if done is None:
        run.add(0, machine, machine, kept, states, states, importance, None)
    for session in range(last + 1, settings["pruning"]["n_sessions"] + 1):
        pruned = pruning.prune(machine, importance, settings["pruning"]["fraction"])
        causes, kept = pruned.causes, tuple(k[new] for k, new in zip(kept, pruned.kept))
        pruned_states = spontaneous(settings, pruned.machine, derive(seed, "sleep pruned", session), "n_measure_chains")
        machine = retrain(settings, pruned.machine, patterns["train"].values, session, seed, progress)
        states = spontaneous(settings, machine, derive(seed, "sleep", session))
        importance = score(machine, states, derive(seed, name, session))
        run.add(session, pruned.machine, machine, kept, pruned_states, states, importance, causes)
        if save is not None:
            save(run.dataset())
    return run.dataset()


def control_run(settings, name, seed, reference, progress=False, done=None, save=None):
    """Machines of the reference run's sizes, session by session, trained from scratch with as many updates.

    save and done as in `prune_run`. Raises ValueError for an unknown control.
    """
    if name not in CONTROLS:
        raise ValueError(f"control: found {name!r}, expected one of {', '.join(CONTROLS)}")
    patterns = data.load(settings["dataset"])
    train_patterns, run = patterns["train"].values, record.Run(settings, None, patterns, done)
    n_done = 0 if done is None else done.sizes["session"]
    for session in settings["control_sessions"][n_done:]:
        sub_seed = derive(seed, name, session)
        masks = CONTROLS[name](settings, masks_of(reference, session), kept_units(reference, session), sub_seed)
        n_units = (masks[0].shape[0], *(m.shape[1] for m in masks))
        machine = new_machine(settings, n_units, masks, train_patterns, sub_seed)
        machine = develop(settings, machine, train_patterns, session, derive(sub_seed, "development"), progress)
        states = spontaneous(settings, machine, derive(sub_seed, "sleep"), "n_measure_chains")
        run.add_control(session, machine, states)
        if save is not None:
            save(run.dataset())
    return run.dataset()


def new_machine(settings, n_units, masks, patterns, seed):
    """A machine with the experiment's initial values: weights ~ N(0, weight_std^2), biases as the config says.

    patterns : (n_patterns, n_units[0]), whose means give the visible biases where the config asks for it
    """
    initial = settings["machine"]
    visible = initial["visible_bias"]
    if visible == "data":
        rate = np.clip(patterns.mean(axis=0), 1e-3, 1 - 1e-3)
        visible = np.round(np.log(rate / (1 - rate)), 6)  # the logarithm's last bits are the C library's
    return BoltzmannMachine.random(n_units, seed, initial["weight_std"], visible, initial["hidden_bias"], masks)


def develop(settings, machine, patterns, n_sessions, seed, progress=False):
    """Greedy pretraining where the config has it, training, then the retraining of n_sessions sessions.

    patterns : (n_patterns, n_visible), values in {0, 1}
    """
    if settings["pretraining"]:
        schedules = [Schedule(**s) for s in settings["pretraining"]]
        machine = pretrain_greedily(machine, patterns, schedules, derive(seed, "pretraining"), progress)
    machine = train(machine, patterns, Schedule(**settings["training"]), derive(seed, "training"), progress)
    for session in range(1, n_sessions + 1):
        machine = retrain(settings, machine, patterns, session, seed, progress)
    return machine


def retrain(settings, machine, patterns, session, seed, progress=False):
    """The training that follows a pruning session, on patterns (n_patterns, n_visible)."""
    sub_seed = derive(seed, "retraining", session)
    return train(machine, patterns, Schedule(**settings["retraining"]), sub_seed, progress)


def spontaneous(settings, machine, seed, chains="n_chains"):
    """Samples of the machine's own activity ("sleep"): the only thing a criterion sees besides the weights.

    Where no criterion looks, right after pruning and in controls, "n_measure_chains" are enough.
    """
    return sample(machine, settings["samples"][chains], settings["samples"]["n_steps"], seed)


def initial_masks(settings, n_visible):
    """Masks before pruning: square receptive fields, clipped at the border, where the config has them; else full.

    receptive_field k: the first hidden layer has one unit a pixel, which sees k x k pixels around it. Raises ValueError
    where the image is not square or has another number of pixels.
    """
    n_units, side = (n_visible, *settings["machine"]["hidden"]), settings["machine"]["receptive_field"]
    masks = [np.ones(pair, dtype=bool) for pair in zip(n_units, n_units[1:])]
    if side is not None:
        columns = round(n_visible**0.5)
        if columns**2 != n_visible or n_units[1] != n_visible:
            raise ValueError(
                f"receptive_field: found {n_visible} pixels and {n_units[1]} units in the first hidden layer, "
                "expected a square image and one unit a pixel"
            )
        y, x = np.divmod(np.arange(n_visible), columns)
        near = [np.abs(z[:, None] - z[None, :]) <= side // 2 for z in (y, x)]
        masks[0] = near[0] & near[1]
    return masks


def control(function):
    """Enter a control: (settings, pruned masks, kept units, seed) -> the masks of the machine to train."""
    CONTROLS[function.__name__] = function
    return function


@control
def born_small_units(settings, masks, kept, seed):
    """As many units as pruning left, with all the synapses they were born with."""
    born = initial_masks(settings, len(kept[0]))
    return [mask[np.ix_(*pair)] for mask, pair in zip(born, zip(kept, kept[1:]))]


@control
def born_small_synapses(settings, masks, kept, seed):
    """As many synapses as pruning left, dense: so few units that all their synapses are that many."""
    born = initial_masks(settings, len(kept[0]))
    units = [kept[0]]
    for layer, (pruned, full) in enumerate(zip(masks, born)):
        order = choice(derive(seed, "units", layer), full.shape[1], full.shape[1])
        n_synapses = np.cumsum(full[np.ix_(units[-1], order)].sum(axis=0))
        n_units = int(np.argmin(np.abs(n_synapses - pruned.sum()))) + 1
        units.append(np.sort(order[:n_units]))
    return [mask[np.ix_(*pair)] for mask, pair in zip(born, zip(units, units[1:]))]


@control
def random_sparse(settings, masks, kept, seed):
    """The units and synapses that pruning left, but each unit's inputs drawn at random among those it was born with."""
    born, sparse = born_small_units(settings, masks, kept, seed), []
    for layer, (pruned, full) in enumerate(zip(masks, born)):
        mask = np.zeros_like(full)
        for unit, degree in enumerate(pruned.sum(axis=0)):
            inputs = np.flatnonzero(full[:, unit])
            mask[inputs[choice(derive(seed, "inputs", layer, unit), len(inputs), int(degree))], unit] = True
        sparse.append(mask)
    return sparse


@control
def reinitialised(settings, masks, kept, seed):
    """The very architecture that pruning left, with new initial weights."""
    return masks


def kept_units(run, session):
    """Original indices of the units that a run had left after a session, one array a layer; all visible units."""
    causes = [run[f"loss_cause_{layer}"].sel(session=session).values for layer in range(run.sizes["layer"])]
    return [np.flatnonzero(cause == pruning.KEPT) for cause in causes]


def masks_of(run, session):
    """The masks that a run had left after a session, without the units that were gone."""
    kept = kept_units(run, session)
    masks = [run[f"mask_{k}"].sel(session=session).values.astype(bool) for k in range(1, len(kept))]
    return [mask[np.ix_(*pair)] for mask, pair in zip(masks, zip(kept, kept[1:]))]


def machine_of(run, session):
    """The retrained machine of a run after a session."""
    kept = kept_units(run, session)
    weights = [run[f"weight_{k}"].sel(session=session).values for k in range(1, len(kept))]
    return BoltzmannMachine(
        tuple(run[f"bias_{k}"].sel(session=session).values[units] for k, units in enumerate(kept)),
        tuple(w[np.ix_(*pair)] for w, pair in zip(weights, zip(kept, kept[1:]))),
        masks_of(run, session),
    )


def proxy_run(settings, seed, reference):
    """Local estimates and exact Fisher information of the machine after every session of the reference run.

    Variables (session, unit_0, unit_1), NaN where there is no synapse: exact_diagonal, variance_fi, heuristic_fi,
    weight, exact_first_eigenvector, sampled_first_eigenvector; spectra (session, parameter), descending, of the
    parameters that exist; information_matrix_exact of session 0 for seed 0.
    """
    sessions = [
        _compare(settings, machine_of(reference, s), kept_units(reference, s), derive(seed, "proxy", s), reference)
        for s in reference["session"].values
    ]
    dataset = xr.concat(sessions, xr.Variable("session", reference["session"].values))
    if seed == 0:
        matrix = exact.fisher_information(machine_of(reference, 0)).astype(np.float32)
        attrs = {"long_name": "exact Fisher information matrix of the over-produced machine", "units": "1"}
        dataset["information_matrix_exact"] = (("parameter", "parameter_2"), matrix, attrs)
    return dataset


def _compare(settings, machine, kept, seed, reference):
    visible, hidden = spontaneous(settings, machine, seed)
    mask, n_biases = machine.masks[0], sum(machine.n_units)
    exists = np.concatenate([np.ones(n_biases, dtype=bool), mask.ravel()])
    matrices = {"exact": exact.fisher_information(machine), "sampled": fisher.information_matrix(visible, hidden)}
    matrices = {name: matrix[np.ix_(exists, exists)] for name, matrix in matrices.items()}
    diagonal = np.zeros(mask.shape)
    diagonal[mask] = np.diag(matrices["exact"])[n_biases:]
    local = {
        "exact_diagonal": diagonal,
        "variance_fi": fisher.variance_estimate(visible, hidden),
        "heuristic_fi": fisher.heuristic_estimate(visible, hidden, machine.weights[0]),
        "weight": np.abs(machine.weights[0]),
    }
    shape = tuple(reference.sizes[f"unit_{layer}"] for layer in (0, 1))
    spectra, n_parameters = {}, sum(shape) + shape[0] * shape[1]
    for name, matrix in matrices.items():
        local[f"{name}_first_eigenvector"] = np.zeros(mask.shape)
        local[f"{name}_first_eigenvector"][mask] = fisher.first_eigenvector(matrix)[n_biases:]
        spectrum = np.full(n_parameters, np.nan)
        # LAPACK's errors are absolute, 1e-15; adding 0 makes the zero that they may leave a positive one.
        spectrum[: len(matrix)] = np.round(np.linalg.eigvalsh(matrix)[::-1], 9) + 0.0
        attrs = {"long_name": f"eigenvalues of the {name} Fisher information matrix", "units": "1"}
        spectra[f"spectrum_{name}"] = ("parameter", spectrum, attrs)
    variables = {}
    for name, values in local.items():
        whole = np.full(shape, np.nan, dtype=np.float32)
        whole[np.ix_(*kept)] = np.where(mask, record.stable(values), np.nan)
        attrs = {"long_name": name.replace("_", " "), "units": "nats" if name == "weight" else "1"}
        variables[name] = (("unit_0", "unit_1"), whole, attrs)
    return xr.Dataset(variables | spectra)
