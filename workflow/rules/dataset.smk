# Captions and questions to the training sets: optical texts for stage 1, SAR-TEXT for stage 2.


rule build_stage1:
    input:
        scenes=expand(f"{RESULTS}/scenes/{{source}}/scenes.parquet", source=OPTICAL_SOURCES),
        hashes=expand(
            f"{RESULTS}/scenes/{{source}}/hashes.csv",
            source=OPTICAL_SOURCES + SAR_SOURCES,
        ),
        benchmark=f"{RESULTS}/benchmark.json" if FROZEN else [],
    output:
        scenes=f"{RESULTS}/stage1/scenes.parquet",
        captions=f"{RESULTS}/stage1/captions.parquet",
        questions=f"{RESULTS}/stage1/questions.parquet",
        summary=f"{RESULTS}/stage1/summary.json",
    log:
        f"{RESULTS}/logs/build_stage1.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_stage1.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset"),
        settings=settings("dataset", "seed", "sources", "images", "evaluation.version"),
    shell:
        "sartext build --config {params.config} --part stage1 > {log} 2>&1"


rule build_sartext:
    input:
        scenes=expand(f"{RESULTS}/scenes/{{source}}/scenes.parquet", source=SAR_SOURCES),
        hashes=expand(
            f"{RESULTS}/scenes/{{source}}/hashes.csv",
            source=OPTICAL_SOURCES + SAR_SOURCES,
        ),
        captions=CAPTIONS,
        stage1=f"{RESULTS}/stage1/scenes.parquet",
        benchmark=f"{RESULTS}/benchmark.json" if FROZEN else [],
    output:
        scenes=f"{RESULTS}/sartext/scenes.parquet",
        captions=f"{RESULTS}/sartext/captions.parquet",
        questions=f"{RESULTS}/sartext/questions.parquet",
        statistics=f"{RESULTS}/sartext/statistics.json",
        leakage=f"{RESULTS}/sartext/leakage.json",
    log:
        f"{RESULTS}/logs/build_sartext.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_sartext.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.dataset"),
        settings=settings("dataset", "seed", "sources", "images", "evaluation.version"),
    shell:
        "sartext build --config {params.config} --part sartext > {log} 2>&1"
