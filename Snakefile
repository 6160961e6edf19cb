"""The whole paper: over-produced machines -> pruned and retrained machines -> claims, their figures and their verdicts.

    snakemake                                                             the main job
    snakemake --configfile config/smoke.yaml --config out=results/smoke   every rule, small
    snakemake --configfile config/paper.yaml                              the paper's own data and sizes: data/paper, ...
"""

import contextlib
import fcntl
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from analysis import data
from analysis.experiment.config import check, notebook_source
from analysis.files.provenance import fingerprint
from analysis.machine.exact import MAX_STATES
from analysis.verdicts import answerable
from analysis.verdicts.collection import runs_of
from analysis.workflow.logs import ends_of_logs, run_time
from analysis.workflow.times import left_text

min_version("9.0")

# Jobs call python and papermill by name, also where nobody has activated the environment that runs this file.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

if not workflow.configfiles:

    configfile: "config/default.yaml"


report: "report/workflow.rst"


if not os.access(".", os.W_OK):
    raise WorkflowError(f"checkout: found no permission to write in {Path.cwd()}, expected a folder of one's own; copy it")

OUT = f"{config['out']}/" if "out" in config else ""
CONFIG = Path(os.path.relpath(Path(workflow.configfiles[-1]).resolve()))
try:
    check({key: value for key, value in config.items() if key != "out"}, CONFIG)
except ValueError as error:
    raise WorkflowError(str(error)) from None
EXPERIMENTS = config["experiments"]
N_SEEDS = sum(experiment["n_seeds"] for experiment in EXPERIMENTS.values())

# Results of a config that names a folder lie beside the main job's: data/<folder>, figures/<folder>, ...
DATA, FIGURES, LOGS, NOTEBOOKS = (
    str(Path(OUT, name, config.get("folder", ""))) for name in ("data", "figures", "logs", "results/notebooks")
)
RESULTS = str(Path(OUT, "results", config.get("folder", "")))
RUNS = f"{DATA}/runs"
CLAIMS = ["01_overproduction", "02_weight_pruning", "03_fisher_proxy", "04_neuron_loss"]
CHECKS = ["05_model_quality"]  # of what the claims rest on
# What a run depends on: the code that simulates and measures, and the part of the config that it reads.
CODE = [str(p) for p in sorted(Path("analysis").rglob("*.py"))]
BIRTH = ["dataset", "machine", "pretraining", "training", "samples"]
LIFE = BIRTH + ["retraining", "pruning", "measures"]


onstart:
    # Snakemake's own lock outlives a kill; the system lets go of this one with the process that holds it.
    take_over_checkout()
    refuse_what_is_too_large()
    refuse_claims_about_others()
    if workflow.local_exec:  # on a cluster Snakemake itself cancels what it has submitted
        signal.signal(signal.SIGINT, stop)
        # Snakemake's limit of 100 new jobs a second leaves a timer behind for each job done, all of which wake its
        # scheduler every second: after 200 jobs that takes a processor. Jobs of this machine wait for one anyway.
        workflow.scheduler.job_rate_limiter = None
    threading.Thread(target=tell_time_left, daemon=True).start()


onerror:
    print(ends_of_logs(log), file=sys.stderr)
    print("\nNot finished. What is done is kept: the same command goes on from here.", file=sys.stderr)


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    condition="[a-z_0-9]+",
    seed=r"\d+",


def take_over_checkout():
    global lock
    lock = open(".snakemake/workflow.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise WorkflowError(f"checkout: found another workflow at work in {Path.cwd()}, expected none; wait for its end")


def refuse_claims_about_others():
    """Notebooks would stumble after all runs. The target `runs` makes no claims: any experiments will do for it."""
    if any(job.rule.name == "claim" for job in workflow.dag.needrun_jobs(exclude_finished=False)):
        try:
            answerable.check(config)
        except ValueError as error:
            raise WorkflowError(str(error)) from None


def refuse_what_is_too_large():
    """Machines of one's own images that are to be enumerated, but can't be, would fail job after job."""
    for name, of in EXPERIMENTS.items():
        if (of["proxy"] or "kl" in of["measures"]) and isinstance(of["dataset"], dict) and "path" in of["dataset"]:
            try:
                n_pixels = data.load(of["dataset"]).sizes["pixel"]
            except (ValueError, OSError) as error:
                raise WorkflowError(f"experiments/{name}: {error}") from None
            hidden = of["machine"]["hidden"]
            if 2 ** (n_pixels + min(sum(hidden[::2]), sum(hidden[1::2]))) > MAX_STATES:
                raise WorkflowError(
                    f"experiments/{name}: found {n_pixels} pixels, too many for kl in measures or proxy: true, which "
                    "enumerate patterns; expected 22 at most, fewer with several hidden layers; leave them out, or crop"
                )


def stop(*_):
    """Ctrl-C: every file is whole or absent at any moment, so there is nothing to wait for."""
    for job in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            job.terminate()
    print("\nInterrupted. What is done is kept: the same command goes on from here.", file=sys.stderr, flush=True)
    os._exit(130)


def tell_time_left():
    """Once a minute, in the midst of what Snakemake says of its jobs."""
    begun = time.time()
    planned = [str(job.benchmark) for job in workflow.dag.needrun_jobs(exclude_finished=False) if job.benchmark]
    n_at_a_time = workflow.cores if workflow.local_exec else workflow.nodes
    while True:
        time.sleep(60)
        print(left_text(planned, LOGS, begun, n_at_a_time, time.time()), file=sys.stderr, flush=True)


def birth(wildcards):
    return settings(wildcards.experiment, BIRTH)


def life(wildcards):
    return settings(wildcards.experiment, LIFE)


def life_of_controls(wildcards):
    return settings(wildcards.experiment, LIFE + ["control_sessions"])


def life_and_quality(wildcards):
    return settings(wildcards.experiment, LIFE + ["reference", "quality"])


def settings(experiment, keys):
    return json.dumps({key: EXPERIMENTS[experiment][key] for key in keys}, sort_keys=True)


def own_images(wildcards):
    """The file or folder of images of one's own that the experiment takes, if it does."""
    dataset = EXPERIMENTS[wildcards.experiment]["dataset"]
    return [dataset["path"]] if isinstance(dataset, dict) and "path" in dataset else []


def reference_run(wildcards):
    reference = EXPERIMENTS[wildcards.experiment]["reference"]
    return f"{RUNS}/{wildcards.experiment}/{reference}/{wildcards.seed}.nc"


def memory(measured):
    """MB to ask a cluster for: twice the MB measured with 4,000 chains; what is above 300 grows with the chains."""

    def asked(wildcards):
        return 2 * math.ceil(300 + (measured - 300) * max(1, samples(wildcards)["n_chains"] / 4000))

    return asked


def minutes(measured):
    """Minutes to ask a cluster for: ten times the seconds measured with the default config, more with more sweeps."""

    def asked(wildcards):
        of = samples(wildcards)
        usual = 4000 * 1000 if "kl" in EXPERIMENTS[wildcards.experiment]["measures"] else 2000 * 100
        return math.ceil(10 * measured / 60 * max(1, of["n_chains"] * of["n_steps"] / usual))

    return asked


def samples(wildcards):
    return EXPERIMENTS[wildcards.experiment]["samples"]


def shown_beside(wildcards):
    """What a notebook shows where it is there: the claim at the paper's size; the first one what `make maps` made."""
    known = [f"{DATA}/paper/{wildcards.claim}.nc", *[f"{DATA}/maps.nc"] * wildcards.claim.startswith("01")]
    return [path for path in known if Path(path).is_file()]


def chapter(wildcards):
    return f"{int(wildcards.claim[:2])}. {wildcards.claim[3:].replace('_', ' ')}"


def figure_labels(wildcards):
    name = wildcards.name.replace("_", " ")
    return {"figure": name, "run time of the notebook": run_time(f"{LOGS}/{wildcards.claim}.log")}


def all_runs():
    for name, experiment in EXPERIMENTS.items():
        yield from (f"{RUNS}/{name}/{condition}/{seed}.nc" for condition, seed in runs_of(experiment))


def all_machines():
    for name, experiment in EXPERIMENTS.items():
        yield from expand(f"{RUNS}/{name}/overproduced/{{seed}}.nc", seed=range(experiment["n_seeds"]))


rule all:
    message: "Done: the claims are in {input[0]}"
    input:
        f"{FIGURES}/claims.md",
        f"{FIGURES}/claims.svg",
        f"{DATA}/claims.nc",
        expand(f"{DATA}/{{check}}.nc", check=CHECKS),
        list(all_runs()),  # a fresh clone has claims but no runs, and is to make both


rule runs:
    message: "Done: every run is in {RUNS}"
    input: list(all_runs()),


# Runs depend on a file whose name is the fingerprint of the code that simulates and measures: other code, other input.
rule compile:
    message: "Compiling the kernels, once a machine"
    output: f"{RUNS}/code-{fingerprint()}.txt"
    log: f"{LOGS}/compile.log"
    threads: 2
    resources: mem_mb=1000, runtime=5
    shell: "python -m analysis compile --output {output:q} >{log:q} 2>&1"


rule overproduce:
    message: "{wildcards.experiment}, seed {wildcards.seed}: training the over-produced machine"
    input:
        code=rules.compile.output,
        images=own_images,
    output: f"{RUNS}/{{experiment}}/overproduced/{{seed}}.nc"
    params: settings=birth
    log: f"{LOGS}/{{experiment}}/overproduced/{{seed}}.log"
    benchmark: f"{LOGS}/{{experiment}}/overproduced/{{seed}}.tsv"
    threads: 1
    priority: 20
    resources: mem_mb=memory(403), runtime=minutes(20)
    shell:
        "NUMBA_NUM_THREADS={threads} python -m analysis overproduce --config {CONFIG:q}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed} --output {output:q} >{log:q} 2>&1"


rule run:
    message: "{wildcards.experiment}, seed {wildcards.seed}: pruning by {wildcards.condition}"
    input:
        code=rules.compile.output,
        machine=rules.overproduce.output,
    output: f"{RUNS}/{{experiment}}/{{condition}}/{{seed}}.nc"
    wildcard_constraints: condition="|".join(sorted({c for e in EXPERIMENTS.values() for c in e["criteria"]}))
    params: settings=life
    log: f"{LOGS}/{{experiment}}/{{condition}}/{{seed}}.log"
    benchmark: f"{LOGS}/{{experiment}}/{{condition}}/{{seed}}.tsv"
    threads: 1
    priority: 10
    resources: mem_mb=memory(412), runtime=minutes(26)
    shell:
        "NUMBA_NUM_THREADS={threads} python -m analysis run --config {CONFIG:q}"
        " --experiment {wildcards.experiment} --condition {wildcards.condition} --seed {wildcards.seed}"
        " --machine {input.machine:q} --output {output:q} >{log:q} 2>&1"


rule control:
    message: "{wildcards.experiment}, seed {wildcards.seed}: control {wildcards.condition}"
    input:
        code=rules.compile.output,
        reference=reference_run,
    output: f"{RUNS}/{{experiment}}/{{condition}}/{{seed}}.nc"
    wildcard_constraints: condition="|".join(sorted({c for e in EXPERIMENTS.values() for c in e["controls"]}) or ["none"])
    params: settings=life_of_controls
    log: f"{LOGS}/{{experiment}}/{{condition}}/{{seed}}.log"
    benchmark: f"{LOGS}/{{experiment}}/{{condition}}/{{seed}}.tsv"
    threads: 1
    resources: mem_mb=memory(375), runtime=minutes(34)
    shell:
        "NUMBA_NUM_THREADS={threads} python -m analysis control --config {CONFIG:q}"
        " --experiment {wildcards.experiment} --condition {wildcards.condition} --seed {wildcards.seed}"
        " --reference {input.reference:q} --output {output:q} >{log:q} 2>&1"


rule proxy:
    message: "{wildcards.experiment}, seed {wildcards.seed}: local estimates beside the exact Fisher information"
    input:
        code=rules.compile.output,
        reference=reference_run,
    output: f"{RUNS}/{{experiment}}/fisher/{{seed}}.nc"
    params: settings=life
    log: f"{LOGS}/{{experiment}}/fisher/{{seed}}.log"
    benchmark: f"{LOGS}/{{experiment}}/fisher/{{seed}}.tsv"
    threads: 1
    resources: mem_mb=memory(505), runtime=minutes(22)
    shell:
        "NUMBA_NUM_THREADS={threads} python -m analysis proxy --config {CONFIG:q}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --reference {input.reference:q} --output {output:q} >{log:q} 2>&1"


rule quality:
    message: "{wildcards.experiment}, seed {wildcards.seed}: likelihood and convergence"
    input:
        code=rules.compile.output,
        reference=reference_run,
    output: f"{RUNS}/{{experiment}}/quality/{{seed}}.nc"
    params: settings=life_and_quality
    log: f"{LOGS}/{{experiment}}/quality/{{seed}}.log"
    benchmark: f"{LOGS}/{{experiment}}/quality/{{seed}}.tsv"
    threads: 1
    resources: mem_mb=memory(706), runtime=minutes(51)
    shell:
        "NUMBA_NUM_THREADS={threads} python -m analysis quality --config {CONFIG:q}"
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --reference {input.reference:q} --output {output:q} >{log:q} 2>&1"


rule claim:
    message: "Notebook {wildcards.claim}"
    input:
        code=CODE,
        runs=list(all_runs()),
        machines=list(all_machines()),
        beside=shown_beside,
        notebook=ancient("notebooks/{claim}.ipynb"),
    output:
        dataset=f"{DATA}/{{claim}}.nc",
        figures=report(
            directory(f"{FIGURES}/{{claim}}"),
            patterns=["{name}.svg"],
            caption="report/figure.rst",
            category=chapter,
            labels=figure_labels,
        ),
        notebook=f"{NOTEBOOKS}/{{claim}}.ipynb",
    wildcard_constraints: claim="|".join(CLAIMS + CHECKS)
    params:
        source=notebook_source,  # its code alone: stored outputs make nothing stale
        config=json.dumps(config, sort_keys=True),
    log:
        text=f"{LOGS}/{{claim}}.log",
        notebook=f"{LOGS}/{{claim}}.ipynb",
    benchmark: f"{LOGS}/{{claim}}.tsv"
    threads: 1
    resources: mem_mb=1000, runtime=math.ceil(6 * max(1, N_SEEDS / 15))  # measured with the default config's 15
    shell:
        "NUMBA_NUM_THREADS={threads} papermill {input.notebook:q} {log.notebook:q} -k python3 --cwd . --no-progress-bar"
        " -p config {CONFIG:q} -p runs {RUNS:q} -p data {DATA:q} -p figures {FIGURES:q} >{log.text:q} 2>&1"
        " && cp {log.notebook:q} {output.notebook:q}"


rule summary:
    message: "The table of claims"
    input:
        code=CODE,
        datasets=expand(f"{DATA}/{{claim}}.nc", claim=CLAIMS),
    output:
        f"{FIGURES}/claims.md",
        report(f"{FIGURES}/claims.svg", caption="report/claims.rst", category="0. claims"),
        f"{DATA}/claims.nc",
        report(f"{RESULTS}/claims.html", caption="report/claims.rst", category="0. claims"),
    log: f"{LOGS}/summary.log"
    benchmark: f"{LOGS}/summary.tsv"
    threads: 1
    resources: mem_mb=600, runtime=2
    shell:
        "python -m analysis summary --data {DATA:q} --figures {FIGURES:q} --results {RESULTS:q}"
        " >{log:q} 2>&1"
