"""The maps: when does starting large and pruning beat being born small? One small dataset, which notebook 01 reads.

    snakemake -s maps.smk --workflow-profile profiles/default                                       data/maps.nc
    snakemake -s maps.smk --configfile config/maps_smoke.yaml --config out=results/smoke            every rule, small
"""

import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from analysis.experiment.config import load_maps
from analysis.experiment.maps import jobs
from analysis.files.provenance import fingerprint
from analysis.verdicts.maps import read_of
from analysis.workflow.logs import ends_of_logs

min_version("9.0")

# Jobs call python by name, also where nobody has activated the environment that runs this file.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

if not workflow.configfiles:

    configfile: "config/maps.yaml"


OUT = f"{config['out']}/" if "out" in config else ""
CONFIG = Path(os.path.relpath(Path(workflow.configfiles[-1]).resolve()))
try:
    MAPS, PROTOCOL = load_maps(CONFIG)
except ValueError as error:
    raise WorkflowError(str(error)) from None
RUNS = f"{OUT}data/runs/maps"


onstart:
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None  # whose timers take a processor after a while, see the Snakefile


onerror:
    print(ends_of_logs(log), file=sys.stderr)


def settings(wildcards):
    """What the jobs of a map obey: its part of the config, and the experiment that it names."""
    described = MAPS["maps"][wildcards.map]
    return json.dumps([described, read_of(PROTOCOL, described["experiment"])], sort_keys=True)


def all_jobs():
    for name, of in MAPS["maps"].items():
        yield from expand(f"{RUNS}/{name}/{{job}}/{{seed}}.nc", job=jobs(of), seed=range(of["n_seeds"]))


rule maps:
    message: "Done: the maps are in {output[0]}"
    input:
        code=[f"analysis/verdicts/{name}.py" for name in ("maps", "claims", "intervals")],
        jobs=list(all_jobs()),
    output: f"{OUT}data/maps.nc"
    params: predictions=json.dumps(MAPS["predictions"], sort_keys=True)
    log: f"{OUT}logs/maps.log"
    benchmark: f"{OUT}logs/maps.tsv"
    threads: 1
    resources: mem_mb=500, runtime=2
    shell: "python -m analysis maps --config {CONFIG:q} --runs {RUNS:q} --output {output:q} >{log:q} 2>&1"


rule compile:
    message: "Compiling the kernels, once a machine"
    output: f"{RUNS}/code-{fingerprint()}.txt"
    log: f"{OUT}logs/maps/compile.log"
    threads: 2
    resources: mem_mb=1000, runtime=5
    shell: "python -m analysis compile --output {output:q} >{log:q} 2>&1"


rule map:
    message: "map {wildcards.map}, {wildcards.job}, seed {wildcards.seed}"
    input:
        code=rules.compile.output,
    output: f"{RUNS}/{{map}}/{{job}}/{{seed}}.nc"
    wildcard_constraints: map="|".join(MAPS["maps"]), job=r"all|\d+", seed=r"\d+"
    params: settings=settings
    log: f"{OUT}logs/maps/{{map}}/{{job}}/{{seed}}.log"
    benchmark: f"{OUT}logs/maps/{{map}}/{{job}}/{{seed}}.tsv"
    threads: 1
    resources: mem_mb=800, runtime=51
    shell:
        "NUMBA_NUM_THREADS={threads} python -m analysis map --config {CONFIG:q} --map {wildcards.map}"
        " --job {wildcards.job} --seed {wildcards.seed} --output {output:q} >{log:q} 2>&1"
