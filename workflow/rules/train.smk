# Two-stage training. One process trains all the recipes of a model and seed that can start at the same time, since
# importing the libraries costs more than a small recipe.


rule tokenizer:
    input:
        f"{RESULTS}/stage1/captions.parquet",
        f"{RESULTS}/stage1/questions.parquet",
        [path for path in CAPTIONS if not path.endswith(".pair.parquet")],
    output:
        sorted({vocabulary_file(name) for name in CFG.models}),
    log:
        f"{RESULTS}/logs/tokenizer.log",
    benchmark:
        f"{RESULTS}/benchmarks/tokenizer.tsv"
    params:
        config=CONFIG,
        code=code_digest("sartext.models.vocabulary"),
        settings=settings("vocabulary"),
        taken=digest_json(
            {name: model.tokenizer for name, model in CFG.models.items() if model.tokenizer != LEARNED}
        )[:16],
    shell:
        "sartext tokenizer --config {params.config} > {log} 2>&1"


# what takes longest starts first, so that no core is left with it at the end; CoCa's first stage holds up the pairs
LONGEST_FIRST = {"coca": 2, "gpt": 1, "clip": 0}

# rules made in a loop, since a priority belongs to a rule
for name in CFG.models:

    rule:
        name:
            f"train_{name}_stage1"
        input:
            tokenizer=vocabulary_file(name),
            scenes=f"{RESULTS}/stage1/scenes.parquet",
            captions=f"{RESULTS}/stage1/captions.parquet",
            questions=f"{RESULTS}/stage1/questions.parquet",
            audit=f"{RESULTS}/audit/stage1.json",
        output:
            f"{RESULTS}/checkpoints/{name}/optical/{{seed}}/run.json",
        log:
            f"{RESULTS}/logs/train/{name}.stage1.{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/train/{name}.stage1.{{seed}}.tsv"
        priority: LONGEST_FIRST[name]
        threads: CFG.engine.processes * CFG.engine.threads
        params:
            config=CONFIG,
            code=code_digest("sartext.training"),
            model=name,
            settings=model_digest(name),
        shell:
            "sartext train --config {params.config} --model {params.model} --recipe optical --seed {wildcards.seed}"
            " --resume > {log} 2>&1"

    rule:
        name:
            f"train_{name}_stage2"
        input:
            tokenizer=vocabulary_file(name),
            optical=(
                f"{RESULTS}/checkpoints/{name}/optical/{{seed}}/run.json" if "optical" in CFG.recipes else []
            ),
            stage1=f"{RESULTS}/stage1/captions.parquet",
            captions=f"{RESULTS}/sartext/captions.parquet",
            questions=f"{RESULTS}/sartext/questions.parquet",
            audits=expand(f"{RESULTS}/audit/{{set}}.json", set=["stage1", "sartext"]),
        output:
            expand(
                f"{RESULTS}/checkpoints/{name}/{{recipe}}/{{seed}}/run.json",
                recipe=STAGE2_RECIPES,
                allow_missing=True,
            ),
        log:
            f"{RESULTS}/logs/train/{name}.stage2.{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/train/{name}.stage2.{{seed}}.tsv"
        priority: LONGEST_FIRST[name]
        threads: CFG.engine.processes * CFG.engine.threads
        params:
            config=CONFIG,
            recipes=" ".join(f"--recipe {recipe}" for recipe in STAGE2_RECIPES),
            code=code_digest("sartext.training"),
            model=name,
            settings=model_digest(name),
        shell:
            "sartext train --config {params.config} --model {params.model} {params.recipes} --seed {wildcards.seed}"
            " --resume > {log} 2>&1"

    for row, given in CFG.released(name).items():

        rule:
            name:
                f"release_{name}_{row}"
            input:
                tokenizer=vocabulary_file(name),
                weights=given.path,
            output:
                f"{RESULTS}/checkpoints/{name}/{row}/0/run.json",
            log:
                f"{RESULTS}/logs/train/{name}.{row}.log",
            benchmark:
                f"{RESULTS}/benchmarks/train/{name}.{row}.tsv"
            params:
                config=CONFIG,
                code=code_digest("sartext.training"),
                model=name,
                row=row,
                settings=released_digest(name, row),
            shell:
                "sartext train --config {params.config} --model {params.model} --recipe {params.row} --seed 0"
                " > {log} 2>&1"
