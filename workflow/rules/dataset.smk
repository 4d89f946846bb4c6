# Captions and questions to the training sets: optical texts for stage 1, SAR-TEXT for stage 2; then the audit that
# training waits for, and SAR-TEXT described and in the forms others read.

# every image of every source, of either stage: splits, places, hashes
INGESTED = expand(
    f"{RESULTS}/scenes/{{source}}/{{file}}",
    source=OPTICAL_SOURCES + SAR_SOURCES,
    file=["scenes.parquet", "hashes.csv"],
)
BUILT = multiext(f"{RESULTS}/sartext/", "scenes.parquet", "captions.parquet", "questions.parquet")


rule build_stage1:
    input:
        ingested=INGESTED,
        benchmark=f"{RESULTS}/benchmark.json" if FROZEN else [],
    output:
        multiext(f"{RESULTS}/stage1/", "scenes.parquet", "captions.parquet", "questions.parquet"),
        multiext(f"{RESULTS}/stage1/", "dropped.csv", "leaks.json", "summary.json"),
    log:
        f"{RESULTS}/logs/build_stage1.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_stage1.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset.stage1"),
        settings=settings("dataset", "seed", "sources", "images", "evaluation.version"),
    shell:
        "sartext build --config {params.config} --part stage1 > {log} 2>&1"


rule build_sartext:
    input:
        ingested=INGESTED,
        captions=CAPTIONS,
        benchmark=f"{RESULTS}/benchmark.json" if FROZEN else [],
    output:
        BUILT,
        multiext(f"{RESULTS}/sartext/", "dropped.csv", "leaks.json", "texts.json"),
    log:
        f"{RESULTS}/logs/build_sartext.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_sartext.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset.build"),
        settings=settings("dataset", "seed", "sources", "images", "evaluation.version"),
    shell:
        "sartext build --config {params.config} --part sartext > {log} 2>&1"


# training waits for it: exit status 2 if a training set holds a test image, its like, its twin, or a part of it; a rule a
# set, since SAR-TEXT comes of what is trained on stage 1
for name in ("stage1", "sartext"):

    rule:
        name:
            f"audit_{name}"
        input:
            scenes=f"{RESULTS}/{name}/scenes.parquet",
            leaks=f"{RESULTS}/{name}/leaks.json",
            ingested=INGESTED,
            benchmark=f"{RESULTS}/benchmark.json" if FROZEN else [],
        output:
            f"{RESULTS}/audit/{name}.json",
        log:
            f"{RESULTS}/logs/audit/{name}.log",
        benchmark:
            f"{RESULTS}/benchmarks/audit/{name}.tsv"
        params:
            config=CONFIG,
            set=name,
            code=code_digest("sartext.dataset.likeness.audit"),
            settings=settings("dataset", "seed", "sources", "images", "evaluation.version"),
        shell:
            "sartext audit --config {params.config} --set {params.set} > {log} 2>&1"


rule statistics:
    input:
        BUILT,
        multiext(f"{RESULTS}/sartext/", "dropped.csv", "texts.json"),
        CAPTIONS,
        audits=expand(f"{RESULTS}/audit/{{set}}.json", set=["stage1", "sartext"]),
        summaries=expand(f"{RESULTS}/scenes/{{source}}/summary.json", source=SARTEXT_SOURCES),
    output:
        multiext(f"{RESULTS}/sartext/", "statistics.json", "datasheet.md", "croissant.json"),
    log:
        f"{RESULTS}/logs/statistics.log",
    benchmark:
        f"{RESULTS}/benchmarks/statistics.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset.about.write"),
        comparison=sha256_file(PROJECT_ROOT / "config" / "datasets.yaml")[:16],
        settings=settings("dataset", "seed", "sources", "images", "narrator", "simulator", "data_note"),
    shell:
        "sartext build --config {params.config} --part statistics > {log} 2>&1"


rule exports:
    input:
        BUILT,
        hashes=expand(f"{RESULTS}/scenes/{{source}}/hashes.csv", source=SARTEXT_SOURCES),
        audit=f"{RESULTS}/audit/sartext.json",
    output:
        f"{RESULTS}/sartext/exports.json",
    log:
        f"{RESULTS}/logs/exports.log",
    benchmark:
        f"{RESULTS}/benchmarks/exports.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset.exports.built"),
        settings=settings("dataset.shard_images", "seed", "images.stretch_low", "images.stretch_high"),
    shell:
        "sartext build --config {params.config} --part exports > {log} 2>&1"


# of one source each; shards that are there and whole, with what they would be written from unchanged, are kept, so
# that a change of one source writes its own anew
rule shards:
    input:
        BUILT,
        hashes=f"{RESULTS}/scenes/{{source}}/hashes.csv",
        audit=f"{RESULTS}/audit/sartext.json",
    output:
        f"{RESULTS}/sartext/shards/{{source}}/manifest.json",
    log:
        f"{RESULTS}/logs/shards/{{source}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/shards/{{source}}.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset.exports.shards"),
        settings=settings("dataset.shard_images", "seed", "images.stretch_low", "images.stretch_high"),
    shell:
        "sartext build --config {params.config} --part shards --source {wildcards.source} > {log} 2>&1"
