# Checkpoints to predictions on the fixed benchmark, and predictions to score files.

if FROZEN:

    rule pull_benchmark:
        input:
            f"{BENCHMARK}.dvc",
        output:
            f"{RESULTS}/benchmark.json",
        log:
            f"{RESULTS}/logs/benchmark.log",
        benchmark:
            f"{RESULTS}/benchmarks/benchmark.tsv"
        params:
            code=code_digest("sartext.evaluation.pull"),
        shell:
            "sartext benchmark pull {input} --out {output} > {log} 2>&1"

else:

    # where every SAR source is simulated, references and questions are the truth's
    DRAFT_TRUTH = (
        expand(f"{SIMULATED}/truth/{{source}}.json", source=SAR_SOURCES)
        if set(SAR_SOURCES) <= set(SIMULATED_SOURCES)
        else []
    )

    rule draft_benchmark:
        input:
            scenes=f"{RESULTS}/sartext/scenes.parquet",
            captions=f"{RESULTS}/sartext/captions.parquet",
            questions=f"{RESULTS}/sartext/questions.parquet",
            narrated=CAPTIONS,
            truth=DRAFT_TRUTH,
        output:
            f"{RESULTS}/benchmark.json",
        log:
            f"{RESULTS}/logs/benchmark.log",
        benchmark:
            f"{RESULTS}/benchmarks/benchmark.tsv"
        params:
            config=CONFIG,
            folder=subpath(output[0], strip_suffix=".json"),
            code=code_digest("sartext.evaluation.benchmark"),
            settings=settings("sources", "images", "seed", "dataset", "evaluation.split"),
            tasks=TASKS,
        shell:
            "(sartext benchmark draft --config {params.config}"
            " && sartext benchmark verify {params.folder} --out {output}) > {log} 2>&1"


# rules made in a loop, since a model's tasks decide which files its predictions are
for name, model in CFG.models.items():

    rule:
        name:
            f"predict_{name}"
        input:
            benchmark=f"{RESULTS}/benchmark.json",
            checkpoints=expand(
                f"{RESULTS}/checkpoints/{name}/{{recipe}}/{{seed}}/run.json",
                recipe=CFG.recipes,
                allow_missing=True,
            ),
        output:
            [path for task in model.tasks for path in predictions(task, name, "{seed}")],
        log:
            f"{RESULTS}/logs/predict/{name}.{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/predict/{name}.{{seed}}.tsv"
        threads: CFG.engine.threads
        params:
            config=CONFIG,
            model=name,
            recipes=" ".join(f"--recipe {recipe}" for recipe in CFG.recipes),
            code=code_digest("sartext.evaluation.predict"),
            settings=settings(
                "evaluation.beams", "evaluation.caption_length", "evaluation.answer_length", "images"
            ),
        shell:
            "sartext predict --config {params.config} --model-name {params.model} {params.recipes}"
            " --seed {wildcards.seed} > {log} 2>&1"

    for row in CFG.released(name):

        rule:
            name:
                f"predict_{name}_{row}"
            input:
                benchmark=f"{RESULTS}/benchmark.json",
                checkpoint=f"{RESULTS}/checkpoints/{name}/{row}/0/run.json",
            output:
                [path for task in model.tasks for path in predictions(task, name, 0, [row])],
            log:
                f"{RESULTS}/logs/predict/{name}.{row}.log",
            benchmark:
                f"{RESULTS}/benchmarks/predict/{name}.{row}.tsv"
            threads: CFG.engine.threads
            params:
                config=CONFIG,
                model=name,
                row=row,
                code=code_digest("sartext.evaluation.predict"),
                settings=settings(
                    "evaluation.beams", "evaluation.caption_length", "evaluation.answer_length", "images"
                ),
            shell:
                "sartext predict --config {params.config} --model-name {params.model} --recipe {params.row} --seed 0"
                " > {log} 2>&1"

        for task in model.tasks:

            rule:
                name:
                    f"score_{task}_{name}_{row}"
                input:
                    benchmark=f"{RESULTS}/benchmark.json",
                    predictions=predictions(task, name, 0, [row]),
                output:
                    f"{RESULTS}/scores/{task}/{name}/{row}/0/score.json",
                log:
                    f"{RESULTS}/logs/score/{task}.{name}.{row}.log",
                benchmark:
                    f"{RESULTS}/benchmarks/score/{task}.{name}.{row}.tsv"
                params:
                    config=CONFIG,
                    task=task,
                    model=name,
                    row=row,
                    code=code_digest("sartext.evaluation.score"),
                    settings=CFG.digest(),
                    lock=LOCK,
                shell:
                    "sartext score task --config {params.config} --task {params.task} --model {params.model}"
                    " --recipe {params.row} --seed 0 > {log} 2>&1"


rule score:
    input:
        benchmark=f"{RESULTS}/benchmark.json",
        predictions=lambda wildcards: predictions(wildcards.task, wildcards.model, wildcards.seed),
    output:
        expand(
            f"{RESULTS}/scores/{{task}}/{{model}}/{{recipe}}/{{seed}}/score.json",
            recipe=CFG.recipes,
            allow_missing=True,
        ),
    log:
        f"{RESULTS}/logs/score/{{task}}.{{model}}.{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score/{{task}}.{{model}}.{{seed}}.tsv"
    params:
        config=CONFIG,
        recipes=" ".join(f"--recipe {recipe}" for recipe in CFG.recipes),
        code=code_digest("sartext.evaluation.score"),
        settings=CFG.digest(),
        lock=LOCK,
    shell:
        "sartext score task --config {params.config} --task {wildcards.task} --model {wildcards.model}"
        " {params.recipes} --seed {wildcards.seed} > {log} 2>&1"
