"""The whole paper: over-produced machines -> pruned and retrained machines -> claims, their figures and their verdicts.

    snakemake                                                             the main job
    snakemake --configfile config/smoke.yaml --config out=results/smoke   every rule, small
    snakemake --configfile config/paper.yaml                              the paper's own data and sizes: data/paper, ...

Its Python is analysis/workflow. All rules share the environment of `make env`, which runs Snakemake too.
"""

import sys
from functools import partial
from glob import glob
from pathlib import Path
from shlex import quote

sys.path.insert(0, workflow.basedir)  # whatever PYTHONPATH says: this checkout's package

from analysis.experiment import config as protocol
from analysis.experiment.conditions import conditions
from analysis.experiment.protocol import check_feasible
from analysis.files import yamlfile
from analysis.files.provenance import ROOMS, fingerprint
from analysis.workflow import guard, rules as asked

guard.enter(workflow.basedir)
FILES = workflow.config_settings.configfiles or ["config/default.yaml"]
with guard.one_line():
    CHANGES = asked.changes(workflow.config_settings.config_args)
    PLACE = CHANGES.pop("out", None)
    CONFIG = protocol.merged(FILES, CHANGES)
    protocol.check(CONFIG, " and ".join(map(str, [*FILES, *["--config"] * bool(CHANGES)])))
    EXPERIMENTS = CONFIG["experiments"]
    JOBS = asked.jobs(EXPERIMENTS)
    OUT = asked.place(PLACE, CONFIG)
FOLDER = CONFIG.get("folder", "")  # results of a config that names one lie beside the main job's
DATA, FIGURES, LOGS, RESULTS = (str(OUT / at / FOLDER) for at in ("data", "figures", "logs", "results"))
NOTEBOOKS, MERGED, RUNS = str(OUT / "results/notebooks" / FOLDER), f"{RESULTS}/config.yaml", f"{DATA}/runs"
ALL_RUNS = asked.runs(RUNS, EXPERIMENTS)
CLAIMS, CHECKS = asked.notebooks(CONFIG)  # and checks of what the claims rest on
CODE = fingerprint((*ROOMS, "verdicts", "figures"))


onstart:
    guard.take_over(workflow.local_exec)
    with guard.one_line():
        for name, settings in EXPERIMENTS.items():
            check_feasible(settings, f"experiments/{name}")
            asked.try_own_criteria(settings)
        yamlfile.write(CONFIG, MERGED)  # what every job and notebook reads


onerror:
    print("\nNot finished. What is done is kept: the same command goes on from here.", file=sys.stderr)


shell.prefix("trap '' INT; set -euo pipefail; exec </dev/null; ")  # no job waits for a terminal; guard obeys Ctrl-C


wildcard_constraints:
    claim="|".join(CLAIMS + CHECKS),


rule all:
    message:
        "Done: the claims are in {input[0]}"
    input:
        f"{FIGURES}/claims.md",
        f"{FIGURES}/claims.svg",
        f"{DATA}/claims.nc",
        expand([f"{DATA}/{{claim}}.nc", f"{FIGURES}/{{claim}}", f"{NOTEBOOKS}/{{claim}}.ipynb"], claim=CLAIMS + CHECKS),
        ALL_RUNS,  # a fresh clone has claims but no runs, and is to make both


rule runs:
    message:
        "Done: every run is in {RUNS}"
    input:
        ALL_RUNS,


rule compile:
    message:
        "Compiling the kernels, once a machine"
    output:
        f"{RUNS}/kernels-{fingerprint(['kernels'])}.txt",
    log:
        f"{LOGS}/compile.log",
    threads: 2
    resources:
        mem_mb=1000,
        runtime=5,
    shell:
        "python -m analysis.workflow compile --output {output:q} >{log:q} 2>&1"


# Of an experiment and seed all runs share a process. `update`: it keeps those that are as the config and the code want.
for rule_of_seeds, (experiment, settings, obeyed, numbers) in JOBS.items():

    rule:
        name:
            rule_of_seeds
        message:
            f"{experiment}, seed {{wildcards.seed}}: the over-produced machine, criteria, controls"
        input:
            ancient(rules.compile.output),
            asked.own_criteria(settings),
        output:
            update([f"{RUNS}/{experiment}/{condition}/{{seed}}.nc" for condition in conditions(settings)]),
        wildcard_constraints:
            seed=numbers,
        params:
            obeyed=obeyed,
            which=f"--config {quote(MERGED)} --runs {quote(RUNS)} --experiment {experiment}",
        log:
            f"{LOGS}/{experiment}/{{seed}}.log",
        benchmark:
            f"{LOGS}/{experiment}/{{seed}}.tsv"
        priority: len(settings["machine"]["hidden"])  # deep machines take longest
        resources:
            mem_mb=asked.megabytes(settings),
            runtime=asked.minutes(settings),
        shell:
            "NUMBA_NUM_THREADS={threads} python -m analysis.workflow seed {params.which} --seed {wildcards.seed} >{log:q} 2>&1"


rule claim:
    message:
        "Notebook {wildcards.claim}"
    input:
        runs=ALL_RUNS,
        beside=glob(f"{DATA}/paper/0*.nc"),  # of the paper's size: shown where it is there
        notebook=ancient("notebooks/{claim}.ipynb"),
    output:
        dataset=f"{DATA}/{{claim}}.nc",
        figures=directory(f"{FIGURES}/{{claim}}"),
        notebook=f"{NOTEBOOKS}/{{claim}}.ipynb",
    params:
        code=CODE,
        source=asked.notebook_source,  # its code alone: stored outputs make nothing stale
        asked=partial(asked.asked_of, CONFIG),
        places=f"-p config {quote(MERGED)} -p runs {quote(RUNS)} -p data {quote(DATA)} -p figures {quote(FIGURES)}",
        executing=f"{LOGS}/{{claim}}.ipynb",  # no log, or all of it would be shown where the job fails
    log:
        f"{LOGS}/{{claim}}.log",
    benchmark:
        f"{LOGS}/{{claim}}.tsv"
    resources:
        mem_mb=1000,
        runtime=-(-6 * max(15, len(ALL_RUNS) // 12) // 15),
    shell:
        "NUMBA_NUM_THREADS={threads} papermill {input.notebook:q} {params.executing:q} -k python3 --cwd . --no-progress-bar"
        " {params.places} >{log:q} 2>&1 && cp {params.executing:q} {output.notebook:q}"


rule summary:
    message:
        "The table of claims"
    input:
        expand(f"{DATA}/{{claim}}.nc", claim=CLAIMS),
        list(map(str, asked.later_tests(DATA).values())),
    output:
        f"{FIGURES}/claims.md",
        f"{FIGURES}/claims.svg",
        f"{DATA}/claims.nc",
    params:
        code=CODE,
        asked=partial(asked.asked_of, CONFIG),
        places=f"--data {quote(DATA)} --figures {quote(FIGURES)}",
    log:
        f"{LOGS}/summary.log",
    resources:
        mem_mb=600,
        runtime=2,
    shell:
        "python -m analysis.workflow summary {params.places} >{log:q} 2>&1"
