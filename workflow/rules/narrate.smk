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
        code=code_digest("sartext.narrator"),
        settings=settings("narrator.dominant_share", "narrator.large_share", "narrator.minor_share"),
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
            settings=settings("narrator.pair_beams", "evaluation.caption_length", "evaluation.batch_size"),
        shell:
            "sartext narrate run --config {params.config} {wildcards.source} pair --captioner {params.captioner}"
            " --out {output} > {log} 2>&1"
