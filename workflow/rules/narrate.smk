# Scenes to captions, by SAR-Narrator's three branches.


rule narrate:
    input:
        scenes=f"{RESULTS}/scenes/{{source}}/scenes.parquet",
    output:
        f"{RESULTS}/captions/{{source}}.{{branch}}.parquet",
    log:
        f"{RESULTS}/logs/narrate/{{source}}.{{branch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/narrate/{{source}}.{{branch}}.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.narrator.run"),
        settings=settings(
            "seed",
            "narrator.rule",
            "narrator.wording",
            "narrator.places",
            "narrator.dominant_share",
            "narrator.large_share",
            "narrator.minor_share",
            "narrator.sa2c_words",
        ),
    shell:
        "sartext narrate run --config {params.config} {wildcards.source} {wildcards.branch} --out {output} > {log} 2>&1"


if PAIRS:

    rule narrate_pairs:
        input:
            scenes=f"{RESULTS}/scenes/{{source}}/scenes.parquet",
            captioner=f"{RESULTS}/checkpoints/coca/optical/{CFG.models['coca'].training.seeds[0]}/run.json",
        output:
            f"{RESULTS}/captions/{{source}}.pair.parquet",
        log:
            f"{RESULTS}/logs/narrate/{{source}}.pair.log",
        benchmark:
            f"{RESULTS}/benchmarks/narrate/{{source}}.pair.tsv"
        threads: CFG.engine.threads
        params:
            config=CONFIG,
            captioner=lambda wildcards, input: Path(input.captioner).parent,
            code=code_digest("sartext.narrator.pair"),
            settings=settings(
                "seed",
                "narrator.pair_beams",
                "narrator.rewriter",
                "evaluation.caption_length",
                "evaluation.batch_size",
            ),
            prompt=prompt_digest(),
        shell:
            "sartext narrate run --config {params.config} {wildcards.source} pair --captioner {params.captioner}"
            " --out {output} > {log} 2>&1"


rule fidelity:
    input:
        captions=CAPTIONS,
        scenes=expand(f"{RESULTS}/scenes/{{source}}/scenes.parquet", source=NARRATED),
        truth=expand(
            f"{SIMULATED}/truth/{{source}}.json",
            source=[name for name in NARRATED if name in SIMULATED_SOURCES],
        ),
    output:
        f"{RESULTS}/fidelity.json",
    log:
        f"{RESULTS}/logs/narrate/fidelity.log",
    benchmark:
        f"{RESULTS}/benchmarks/narrate/fidelity.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.narrator.fidelity"),
        settings=settings("narrator", "seed", "evaluation.bootstrap_samples"),
    shell:
        "sartext narrate fidelity --config {params.config} --out {output} > {log} 2>&1"
