"""Run files with the schema of the protocol and made-up numbers: what the claims read, in milliseconds.

Masks, sizes and causes of loss are consistent, for analysis.pruning makes them; measures are what is asked, with noise.
A run is made of (experiment, settings, number, worse): random numbers are those of `number`, 100 times the seed and
some, and its loss is `worse` than that of the first criterion.
"""

import json

import numpy as np
import xarray as xr

from analysis import pruning
from analysis.experiment import config as configuration
from analysis.experiment.conditions import conditions
from analysis.experiment.local_estimates import LOCAL, TARGETS
from analysis.experiment.settings import of_seed, seeds
from analysis.machine.model import BoltzmannMachine
from analysis.machine.sampling import sample
from analysis.pruning import label
from analysis.verdicts.datasets import root

HIDDEN = {"patches": [12], "digits": [16, 10]}
N_VISIBLE = {"patches": 13, "digits": 400}
N_TEST = 200  # images
MEASURES = ["activity", "activity_pruned", "fisher", "input_information", "sparseness", "pixel_tuning"]


def config(n_seeds=3, n_further=0):
    """The default config with small machines, three sessions and few seeds, from 0."""
    made = configuration.merged([root() / "config" / "default.yaml"])
    for name, settings in made["experiments"].items():
        settings["machine"] |= {"hidden": HIDDEN[name]}
        settings["pruning"] |= {"n_sessions": 3}
        settings |= {"control_sessions": [1, 3], "n_seeds": n_seeds, "first_seed": 0, "explored_seeds": 0}
        settings["quality"] |= {"sessions": [0, 3]}
        if n_further:
            settings["further_seeds"]["n_seeds"] = n_further
        else:
            settings.pop("further_seeds", None)
    return made


def write(folder, made):
    """All runs of the config: folder/<experiment>/<condition>/<seed>.nc."""
    for experiment, settings in made["experiments"].items():
        for seed in seeds(settings):
            asked = of_seed(settings, seed)
            criteria = {label(entry): 0.1 * k for k, entry in enumerate(asked["criteria"])}
            others = [name for name in conditions(asked) if name not in criteria]
            for k, (name, worse) in enumerate(criteria.items()):
                _save(criterion_run(experiment, settings, 100 * seed + k, worse), folder, experiment, name, seed)
            for k, name in enumerate(others):
                run = _OTHERS.get(name, control_run)(experiment, settings, 100 * seed + 50 + k, 0.1 * k)
                _save(run, folder, experiment, name, seed)


def overproduced(experiment, settings, number, worse):
    """The machine that all runs of the seed start from, with samples."""
    machine = BoltzmannMachine.random((N_VISIBLE[experiment], *HIDDEN[experiment]), number)
    states = sample(machine, 100, 2, number)
    found = machine.to_dataset().assign({f"state_{k}": (("chain", f"unit_{k}"), x) for k, x in enumerate(states)})
    found["unit_entropy_0"] = ("unit_0", np.linspace(0, 0.69, N_VISIBLE[experiment]))
    of_digits = {"raw_pixel_error": 0.12, "digit_quality_test": 0.9, "digit_quality_random": 0.4}
    return found.assign({name: ((), value) for name, value in of_digits.items()} if experiment == "digits" else {})


def criterion_run(experiment, settings, number, worse):
    """A run of four sessions whose loss is `worse` than that of the first criterion."""
    rng = np.random.default_rng(number)
    machine = BoltzmannMachine.random((N_VISIBLE[experiment], *HIDDEN[experiment]), number)
    kept, n_units = [np.arange(n) for n in machine.n_units], machine.n_units
    causes = [np.zeros(n, dtype=np.int8) for n in n_units]
    sessions = [_session(experiment, rng, machine, kept, n_units, causes, worse)]
    for _ in range(settings["pruning"]["n_sessions"]):
        pruned = pruning.prune(machine, [rng.random(m.shape) * rng.random(m.shape[1]) for m in machine.masks], 0.5)
        for now, units, new in zip(causes, kept, pruned.causes):
            now[now > 0] = -1
            now[units] = new
        kept, machine = [units[new] for units, new in zip(kept, pruned.kept)], pruned.machine
        sessions.append(_session(experiment, rng, machine, kept, n_units, causes, worse))
    run = xr.concat(sessions, xr.Variable("session", np.arange(len(sessions))))
    run = run.assign_coords(stage=["pruned", "retrained"], layer=np.arange(len(n_units)))
    return run.assign_coords(synapse_layer=np.arange(1, len(n_units)))


def control_run(experiment, settings, number, worse):
    """A control with the stage `retrained` and the control sessions alone."""
    run = criterion_run(experiment, settings, number, worse)
    measured = ("n_units", "n_synapses", "kl", "encoding_error", "digit_quality", "wrong")
    wanted = [name for name in measured if name in run]
    return run[wanted].sel(session=settings["control_sessions"], stage=["retrained"])


def proxy_run(experiment, settings, number, worse):
    """Local estimates that follow the exact diagonal, on fewer and fewer synapses."""
    rng, (n, m) = np.random.default_rng(number), (N_VISIBLE["patches"], HIDDEN["patches"][0])
    n_sessions, n_parameters = settings["pruning"]["n_sessions"] + 1, n + m + n * m
    exists = np.cumsum(rng.random((n_sessions, n, m)) < 0.2, axis=0) <= 1
    exact = np.where(exists, 0.25 * rng.random((n_sessions, n, m)), np.nan)
    dims, names = ("session", "unit_0", "unit_1"), {*LOCAL, *TARGETS}
    found = {name: (dims, exact * rng.uniform(0.8, 1.2, exact.shape)) for name in sorted(names)}
    found["exact_diagonal"] = (dims, exact)
    spectrum = np.broadcast_to(np.geomspace(10, 1e-5, n_parameters), (n_sessions, n_parameters))
    found["spectrum_exact"] = (("session", "parameter"), spectrum)
    return xr.Dataset(found, {"session": np.arange(n_sessions)})


def quality_run(experiment, settings, number, worse):
    """Machines and samples with which all is well."""
    rng, sessions = np.random.default_rng(number), settings["quality"]["sessions"]
    n, n_moments, n_layers = len(sessions), 10, len(HIDDEN[experiment]) + 1
    found = {
        "log_z": ("session", 10 + rng.random(n)),
        "log_z_error": ("session", np.full(n, 0.1)),
        "bound": (("session", "split"), -100 - rng.random((n, 2))),
        "base_rate": ("split", [-200.0, -201.0]),
        "kind": ("moment", np.arange(n_moments) % 4.0),
        "r_hat": (("session", "moment"), 1 + 0.01 * rng.random((n, n_moments))),
        "two_start_r_hat": (("session", "moment"), 1 + 0.01 * rng.random((n, n_moments))),
        "autocorrelation_time": (("session", "moment"), 1 + rng.random((n, n_moments))),
        "rank_correlation": (("session", "sample", "synapse_layer"), 0.95 + 0.04 * rng.random((n, 3, n_layers - 1))),
        "in_common": (("session", "sample", "synapse_layer"), 0.9 + 0.1 * rng.random((n, 3, n_layers - 1))),
        "activity": (("session", "taken", "layer"), rng.random((n, 4, n_layers))),
        "activity_exact": (("session", "layer"), rng.random((n, n_layers))),
    }
    found["log_z_exact"] = ("session", found["log_z"][1] + 0.05 if experiment == "patches" else np.full(n, np.nan))
    if experiment == "patches":
        found |= {"kl_reachable": ("session", np.full(n, 0.05)), "kl": ("session", 0.05 + 0.005 * rng.random(n))}
    coordinates = {"session": sessions, "sample": ["repeat", "noise", "long"], "split": ["train", "test"]}
    coordinates |= {"taken": ["protocol", "repeat", "noise", "long"], "layer": np.arange(n_layers)}
    return xr.Dataset(found, coordinates | {"synapse_layer": np.arange(1, n_layers)})


def _session(experiment, rng, machine, kept, n_units, causes, worse):
    """One session of a run, both stages."""
    found = {
        "n_units": ("layer", np.array(machine.n_units)),
        "n_synapses": ("synapse_layer", np.array(machine.n_synapses)),
        "activity": (("stage", "layer"), rng.random((2, len(n_units)))),
    }
    loss = 0.2 + worse + 0.01 * rng.random(2)
    if experiment == "patches":
        found["kl"] = ("stage", loss, {"units": "nats"})
    else:
        wrong = rng.random((2, N_TEST)).argsort(axis=1) < np.round(N_TEST * loss)[:, None]
        loss = wrong.mean(axis=1)
        found["wrong"] = ("test_image", wrong[-1].astype(np.uint8))  # retrained
        found["encoding_error"] = ("stage", loss, {"units": "fraction"})
        found["digit_quality"] = ("stage", 0.9 - loss, {"units": "probability"})
        found["class_share"] = (("stage", "digit"), rng.dirichlet(np.ones(10), 2))
        found["example"] = (("stage", "image", "unit_0"), rng.integers(0, 2, (2, 16, n_units[0])).astype(np.uint8))
    for layer, (units, n) in enumerate(zip(kept, n_units)):
        found[f"loss_cause_{layer}"] = (f"unit_{layer}", causes[layer].copy())
        for name in (*MEASURES, *["digit_information"] * (experiment == "digits")):
            values = np.full(n, np.nan)
            values[units] = rng.random(len(units))
            found[f"unit_{name}_{layer}"] = (f"unit_{layer}", values)
        for name, k, axis in (("inputs", layer - 1, 0), ("outputs", layer, 1)):
            values = np.full(n, np.nan)
            values[units] = machine.masks[k].sum(axis=axis) if 0 <= k < len(machine.masks) else 0
            found[f"unit_{name}_{layer}"] = (f"unit_{layer}", values)
    for layer, (weights, mask) in enumerate(zip(machine.weights, machine.masks)):
        dims, pair = (f"unit_{layer}", f"unit_{layer + 1}"), np.ix_(*kept[layer : layer + 2])
        for name, values in (("weight", weights), ("mask", mask), ("importance", np.abs(weights))):
            whole = np.zeros((n_units[layer], n_units[layer + 1]), dtype=np.float32)
            whole[pair] = values
            found[f"{name}_{layer + 1}"] = (dims, whole)
    return xr.Dataset(found)


def _save(run, folder, experiment, condition, seed):
    path = folder / experiment / condition / f"{seed}.nc"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps({"title": "made up", "source": "chance", "licence": "none"})
    run.assign_attrs(data=data, code_fingerprint="fake").to_netcdf(path, engine="h5netcdf")


_OTHERS = {"overproduced": overproduced, "fisher": proxy_run, "quality": quality_run}
