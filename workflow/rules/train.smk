# Two-stage training. One process trains all the recipes of a model and seed that can start at the same time, since
# importing the libraries costs more than a small recipe.


rule tokenizer:
    input:
        f"{RESULTS}/stage1/captions.parquet",
        f"{RESULTS}/stage1/questions.parquet",
        [path for path in CAPTIONS if not path.endswith(".pair.parquet")],
    output:
        f"{RESULTS}/tokenizer/tokenizer.json",
    log:
        f"{RESULTS}/logs/tokenizer.log",
    benchmark:
        f"{RESULTS}/benchmarks/tokenizer.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.models.vocabulary"),
        settings=settings("vocabulary"),
    shell:
        "sartext tokenizer --config {params.config} > {log} 2>&1"


rule train_stage1:
    input:
        tokenizer=f"{RESULTS}/tokenizer/tokenizer.json",
        scenes=f"{RESULTS}/stage1/scenes.parquet",
        captions=f"{RESULTS}/stage1/captions.parquet",
        questions=f"{RESULTS}/stage1/questions.parquet",
    output:
        f"{RESULTS}/checkpoints/{{model}}/optical/{{seed}}/run.json",
    log:
        f"{RESULTS}/logs/train/{{model}}.stage1.{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{model}}.stage1.{{seed}}.tsv"
    threads: CFG.engine.threads
    params:
        config=CONFIG,
        code=code_digest("sartext.training"),
        settings=model_digest,
    shell:
        "sartext train --config {params.config} --model {wildcards.model} --recipe optical --seed {wildcards.seed}"
        " --resume > {log} 2>&1"


rule train_stage2:
    input:
        tokenizer=f"{RESULTS}/tokenizer/tokenizer.json",
        optical=(
            f"{RESULTS}/checkpoints/{{model}}/optical/{{seed}}/run.json" if "optical" in CFG.recipes else []
        ),
        stage1=f"{RESULTS}/stage1/captions.parquet",
        captions=f"{RESULTS}/sartext/captions.parquet",
        questions=f"{RESULTS}/sartext/questions.parquet",
        leakage=f"{RESULTS}/sartext/leakage.json",
    output:
        expand(
            f"{RESULTS}/checkpoints/{{model}}/{{recipe}}/{{seed}}/run.json",
            recipe=STAGE2_RECIPES,
            allow_missing=True,
        ),
    log:
        f"{RESULTS}/logs/train/{{model}}.stage2.{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{model}}.stage2.{{seed}}.tsv"
    threads: CFG.engine.threads
    params:
        config=CONFIG,
        recipes=" ".join(f"--recipe {recipe}" for recipe in STAGE2_RECIPES),
        code=code_digest("sartext.training"),
        settings=model_digest,
    shell:
        "sartext train --config {params.config} --model {wildcards.model} {params.recipes} --seed {wildcards.seed}"
        " --resume > {log} 2>&1"
