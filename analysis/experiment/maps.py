"""Maps: where does starting large and pruning beat being born small?

    a cell      = (final size n, growth g, sessions k, epochs e), and the conditions that are run in it
    start size  = g n units in the last hidden layer
    fraction    = 1 - g^(-1/k) of the synapses a session, so that 1 / g of them are left

`cells` lists the cells of a map in config/maps.yaml, `run` makes those of one seed. Everything is done by the protocol
of the experiment that the map names; a map changes sizes and lengths alone. So n is the number of dense units that have
as many synapses as pruning leaves (of digits in the last layer: the first has one unit a pixel at any growth).

Two budgets for a control: as many parameter updates as the pruned machine, or as many synapse-updates (see `work`).
"""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from tqdm import tqdm

from analysis import data
from analysis.experiment import protocol, record
from analysis.experiment.controls import CONTROLS, develop_control
from analysis.experiment.measures import stable, variable
from analysis.experiment.work import stretch, work
from analysis.files import provenance
from analysis.machine import exact, likelihood
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive

BUDGETS = ["updates", "synapse_updates"]
PRUNED = "pruned"
_AXES = ("final", "growth", "sessions", "epochs")


class Cell(NamedTuple):
    """Size, growth, sessions and multiple of the epochs; the controls that are run with each budget."""

    final: int
    growth: float
    sessions: int
    epochs: float
    controls: dict

    @property
    def start(self) -> int:
        """Units in the last hidden layer of the machine that is pruned."""
        return round(self.final * self.growth)

    @property
    def fraction(self) -> float:
        """Of the synapses a session."""
        return round(1 - self.growth ** (-1 / self.sessions), 9)  # the power's last bits are the C library's


def cells(described: dict) -> list[Cell]:
    """All combinations of each of a map's grids; a cell of several grids has the controls of all."""
    found: dict[tuple, dict] = {}
    for grid in described["grids"]:
        for sizes in product(*(grid[axis] for axis in _AXES)):
            controls = found.setdefault(sizes, {budget: [] for budget in BUDGETS})
            for budget in BUDGETS:
                controls[budget] += [name for name in grid[budget] if name not in controls[budget]]
    made = [Cell._make((*sizes, controls)) for sizes, controls in found.items()]
    for cell in made:
        if cell.start != cell.final * cell.growth:
            raise ValueError(f"growth: found {cell.growth}, expected one that makes {cell.final} units a whole number")
        for name in cell.controls[BUDGETS[1]]:
            if name not in cell.controls[BUDGETS[0]]:
                expected = "one of the cell's controls with as many updates"
                raise ValueError(f"synapse_updates: found {name}, expected {expected}")
    return made


def check_feasible(described: dict, settings: dict, place: str) -> None:
    """Raise ValueError for cells that memory can't hold, or that pruning leaves nothing of, before any job."""
    for cell in cells(described):
        sized = _sized(settings, cell) | {name: described[name] for name in ("dataset", "samples")}
        protocol.check_feasible(sized, f"{place}, {cell.start} units at the start")


def _sized(settings: dict, cell: Cell) -> dict:
    machine = settings["machine"] | {"hidden": [*settings["machine"]["hidden"][:-1], cell.start]}
    return settings | {"machine": machine, "pruning": {"n_sessions": cell.sessions, "fraction": cell.fraction}}


def jobs(described: dict) -> list[str]:
    """Names of a map's jobs a seed: `all`, or the start sizes, where each is a job of its own."""
    if described["jobs"] == "seed":
        return ["all"]
    return [str(start) for start in sorted({cell.start for cell in cells(described)})]


def make(config: dict, protocol_config: dict, name: str, job: str, seed: int) -> xr.Dataset:
    """The dataset of one job of the map of that name, with all that made it. Raises ValueError for unknown ones."""
    if name not in config["maps"]:
        raise ValueError(f"map: found {name!r}, expected one of {', '.join(config['maps'])}")
    described = config["maps"][name]
    settings = protocol_config["experiments"][described["experiment"]]
    source = {k: v for k, v in data.load(described["dataset"]).attrs.items() if isinstance(v, (str, int, float))}
    more = {"title": f"map {name}", "map": name, "job": job, "seed": seed, "settings": settings, "data": source}
    dataset = run(described, settings, job, seed, progress=True)
    return dataset.assign_attrs(provenance.attributes(config, **more))


def run(described: dict, settings: dict, job: str, seed: int, progress: bool = False) -> xr.Dataset:
    """The cells of a job: loss, size and work of every condition, dims (cell, budget, condition), NaN where not run.

    loss is what the experiment measures: exact KL, or the encoding error. Where the map has `annealing` there is also
    negative_bound, minus the variational bound on log P(v), mean over test patterns in nats.
    described : the map. settings : of the experiment that it names. Raises ValueError for an unknown job.
    """
    if job not in jobs(described):
        raise ValueError(f"job: found {job!r}, expected one of {', '.join(jobs(described))}")
    chosen = [(k, c) for k, c in enumerate(cells(described)) if job in ("all", str(c.start))]
    settings = settings | {name: described[name] for name in ("dataset", "samples", "annealing")}
    patterns, started, found = data.load(settings["dataset"]), {}, []
    for number, cell in tqdm(chosen, disable=not progress, unit="cell", leave=False):
        sized = _sized(settings, cell) | {"loss": settings["measures"], "measures": []}  # nothing measured on the way
        of, large = stretch(sized, cell.epochs), (cell.start, cell.epochs)
        if large not in started:  # cells that start alike share the over-produced machine
            started[large] = protocol.overproduce(of, seed)
        found.append(_cell(of, cell, seed, patterns, started[large]).assign_coords(cell=number))
    return xr.concat(found, "cell")


def _cell(settings: dict, cell: Cell, seed: int, patterns: xr.Dataset, large: xr.Dataset) -> xr.Dataset:
    """The pruned machine and the controls of one cell."""
    pruned = protocol.prune_run(settings, protocol.reference_entry(settings), seed, large)
    train, last = patterns["train"].values, cell.sessions
    left = [pruned["n_synapses"].sel(session=k).values.tolist() for k in range(last + 1)]
    done = work(settings, len(train), left[0], left[1:])
    annealing = derive(seed, "annealing")
    rows = {(BUDGETS[0], PRUNED): _measure(settings, record.machine_of(pruned, last), patterns, done, annealing)}
    for budget, name in [(b, name) for b in BUDGETS for name in cell.controls[b]]:
        equal_work = budget == BUDGETS[1]
        machine, done = develop_control(settings, name, train, pruned, last, seed, equal_work)
        rows[budget, name] = _measure(settings, machine, patterns, done, annealing)
    units = "nats" if "kl" in settings["loss"] else "fraction"
    described = {
        "loss": ("KL(data || model), exact" if units == "nats" else "encoding error", units),
        "n_units": ("hidden units", "counts"),
        "n_synapses": ("synapses", "counts"),
        "updates": ("parameter updates", "counts"),
        "synapse_updates": ("sum over updates of the synapses that they change", "counts"),
    }
    if settings["annealing"] is not None:
        described["negative_bound"] = "- variational bound on log P(v), test patterns", "nats"
        described["log_z_error"] = "standard error of log Z", "nats"
    conditions, found = [PRUNED, *CONTROLS], {}
    for name, text in described.items():
        values = np.full((len(BUDGETS), len(conditions)), np.nan)
        for (budget, condition), row in rows.items():
            values[BUDGETS.index(budget), conditions.index(condition)] = row[name]
        found[name] = variable(("budget", "condition"), values, *text)
    return xr.Dataset(found, {"budget": BUDGETS, "condition": conditions})


def _measure(
    settings: dict, machine: BoltzmannMachine, patterns: xr.Dataset, done: tuple[int, int], seed: int
) -> dict[str, Any]:
    """Losses, sizes and work of a machine."""
    if "kl" in settings["loss"]:
        loss = exact.kl_divergence(patterns["train"].values, machine)
    else:
        loss = record.misread(settings, machine, patterns).mean()
    found = {"loss": stable(loss), "n_units": sum(machine.n_units[1:]), "n_synapses": sum(machine.n_synapses)}
    found |= dict(zip(BUDGETS, done))
    if settings["annealing"] is not None:
        near, test = patterns["train"].values, patterns["test"].values
        log_z, error = likelihood.log_partition_near(machine, near, **settings["annealing"], seed=seed)
        found["negative_bound"] = stable(-likelihood.variational_bound(machine, test, log_z))
        found["log_z_error"] = stable(error)
    return found
