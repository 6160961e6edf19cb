"""The maps: when does starting large and pruning beat being born small? One small dataset, which notebook 01 reads.

snakemake -s maps.smk --workflow-profile profiles/default                                       data/maps.nc
snakemake -s maps.smk --configfile config/maps_smoke.yaml --config out=results/smoke            every rule, small
"""

import json
import sys
from shlex import quote

from snakemake.utils import min_version

min_version("9.0")
sys.path.insert(0, workflow.basedir)  # whatever PYTHONPATH says: this checkout's package

from analysis.experiment import config as protocol
from analysis.experiment.maps import check_feasible, jobs
from analysis.experiment.settings import seeds
from analysis.files import yamlfile
from analysis.files.provenance import fingerprint
from analysis.verdicts.maps import read_of
from analysis.workflow.logs import ends_of_logs
from analysis.workflow import guard, rules as asked

guard.enter(workflow.basedir)
FILES = workflow.config_settings.configfiles or ["config/maps.yaml"]
if FILES == ["config/maps.yaml"]:

    configfile: FILES[0]


with guard.one_line():  # by our own reader: in Snakemake's `config`, of YAML 1.1, 1e-2 is text
    CHANGES = asked.typed(dict(workflow.config_settings.config))
    OUT = asked.taken_out(CHANGES)
    CONFIG = protocol.merged(FILES, CHANGES)
    PROTOCOL = protocol.check_maps(CONFIG, " and ".join(map(str, FILES)))
PLACES = asked.places(OUT, name="maps.yaml")
RUNS, LOGS = f"{PLACES.data}/runs/maps", f"{PLACES.logs}/maps"


onstart:
    guard.take_over()
    with guard.one_line():
        for name, described in CONFIG["maps"].items():
            check_feasible(described, PROTOCOL["experiments"][described["experiment"]], f"maps/{name}")
    yamlfile.write(CONFIG, PLACES.config)  # what every job reads
    guard.stop_at_once()


onerror:
    print(ends_of_logs(log), file=sys.stderr)


shell.prefix("set -euo pipefail; exec </dev/null; ")  # no job waits for a terminal


rule maps:
    message:
        "Done: the maps are in {output[0]}"
    input:
        [
            f"{RUNS}/{name}/{job}/{seed}.nc"
            for name, described in CONFIG["maps"].items()
            for job in jobs(described)
            for seed in seeds(described)
        ],
    output:
        f"{PLACES.data}/maps.nc",
    params:
        predictions=json.dumps(CONFIG["predictions"], sort_keys=True),
        code=fingerprint(["verdicts"]),
        places=f"--config {quote(PLACES.config)} --runs {quote(RUNS)}",
    log:
        f"{PLACES.logs}/maps.log",
    benchmark:
        f"{PLACES.logs}/maps.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=2,
    shell:
        "python -m analysis maps {params.places} --output {output:q} >{log:q} 2>&1"


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
        "python -m analysis compile --output {output:q} >{log:q} 2>&1"


for name, described in CONFIG["maps"].items():

    rule:
        name:
            f"map_{name}"
        message:
            f"map {name}, {{wildcards.job}}, seed {{wildcards.seed}}"
        input:
            ancient(rules.compile.output),
        output:
            f"{RUNS}/{name}/{{job}}/{{seed}}.nc",
        wildcard_constraints:
            job=r"all|\d+",
            seed=r"\d+",
        params:
            obeyed=json.dumps([described, read_of(PROTOCOL, described["experiment"]), fingerprint()], sort_keys=True),
            which=f"--config {quote(PLACES.config)} --map {name}",
        log:
            f"{LOGS}/{name}/{{job}}/{{seed}}.log",
        benchmark:
            f"{LOGS}/{name}/{{job}}/{{seed}}.tsv"
        priority: len(PROTOCOL["experiments"][described["experiment"]]["machine"]["hidden"])  # deep machines take longest
        threads: 1
        resources:
            mem_mb=800,
            runtime=51,
        shell:
            "NUMBA_NUM_THREADS={threads} python -m analysis map {params.which}"
            " --job {wildcards.job} --seed {wildcards.seed} --output {output:q} >{log:q} 2>&1"
