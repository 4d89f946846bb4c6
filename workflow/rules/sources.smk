# Source files to scenes: simulated sources are written in the layouts of the real ones and read by the same readers.


rule simulate:
    output:
        manifest=f"{SIMULATED}/{{source}}.manifest.json",
        truth=f"{SIMULATED}/truth/{{source}}.json",
    log:
        f"{RESULTS}/logs/simulate/{{source}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate/{{source}}.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.simulator"),
        settings=simulated_source,
    shell:
        "sartext simulate --config {params.config} {wildcards.source} > {log} 2>&1"


rule ingest:
    input:
        source_files,
    output:
        scenes=f"{RESULTS}/scenes/{{source}}/scenes.parquet",
        images=f"{RESULTS}/scenes/{{source}}/images.npy",
        rejects=f"{RESULTS}/scenes/{{source}}/rejects.csv",
        hashes=f"{RESULTS}/scenes/{{source}}/hashes.csv",
        summary=f"{RESULTS}/scenes/{{source}}/summary.json",
    log:
        f"{RESULTS}/logs/ingest/{{source}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ingest/{{source}}.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.sources"),
        settings=settings("images", "dataset.val_share", "dataset.test_share", "seed"),
        source=source_digest,
    shell:
        "sartext ingest --config {params.config} --processes {threads} {wildcards.source} > {log} 2>&1"
