# Score files to tables, figures and the page. Each table and figure is a target by its name, such as table_04.

SARTEXT = [
    f"{RESULTS}/sartext/scenes.parquet",
    f"{RESULTS}/sartext/captions.parquet",
    f"{RESULTS}/sartext/statistics.json",
    f"{RESULTS}/stage1/summary.json",
]
# what people said of captions, where they were asked (sartext narrate ratings)
RATINGS = [path for path in [f"{RESULTS}/ratings.json"] if Path(path).is_file()]
TABLES = {
    2: ("Dataset", SARTEXT),
    4: ("Results", scores("osdataset_retrieval")),
    5: ("Results", scores("hrsid_retrieval")),
    6: ("Results", scores("captioning")),
    7: ("Results", scores("vqa")),
    8: ("Results", ALL_SCORES),
    9: ("Narrator", [f"{RESULTS}/fidelity.json", *RATINGS]),
    10: ("Claims", ["config/claims.yaml", *ALL_SCORES, *SARTEXT]),
    11: ("Cost", [*ALL_TRAINED, *ALL_SCORES]),
}
FIGURES = {
    2: ("Overview", [f"{RESULTS}/rulegraph.dot"]),
    4: ("Dataset", SARTEXT),
    5: ("Dataset", SARTEXT),
    6: ("Dataset", SARTEXT),
    7: ("Dataset", SARTEXT),
    8: ("Training", ALL_TRAINED),
    9: ("Cases", [*scores("osdataset_retrieval"), *scores("hrsid_retrieval")]),
    10: ("Cases", scores("captioning")),
    11: ("Cases", scores("vqa")),
    12: ("Results", ALL_SCORES),
    13: ("Narrator", [f"{RESULTS}/fidelity.json"]),
}


rule rulegraph:
    output:
        f"{RESULTS}/rulegraph.dot",
    log:
        f"{RESULTS}/logs/rulegraph.log",
    params:
        config=CONFIG,
        rules=digest_json([path.read_text() for path in sorted(Path(workflow.basedir).glob("rules/*.smk"))])[
            :16
        ],
    shell:
        "snakemake --snakefile workflow/Snakefile --configfile {params.config} --forceall --rulegraph dot --nolock"
        " > {output} 2> {log}"


for number, (category, inputs) in TABLES.items():

    rule:
        name:
            f"table_{number:02d}"
        input:
            inputs,
        output:
            report(
                f"{REPORTS}/tables/table_{number:02d}.html",
                caption=f"../report/table_{number:02d}.rst",
                category=category,
            ),
            multiext(f"{REPORTS}/tables/table_{number:02d}", ".csv", ".md", ".tex"),
        log:
            f"{RESULTS}/logs/report/table_{number:02d}.log",
        params:
            config=CONFIG,
            number=number,
            code=code_digest("sartext.report.tables"),
            settings=CFG.digest(),
        shell:
            "sartext report table {params.number} --config {params.config} > {log} 2>&1"


for number, (category, inputs) in FIGURES.items():

    rule:
        name:
            f"figure_{number:02d}"
        input:
            inputs,
        output:
            report(
                f"{REPORTS}/figures/figure_{number:02d}.png",
                caption=f"../report/figure_{number:02d}.rst",
                category=category,
            ),
            f"{REPORTS}/figures/figure_{number:02d}.svg",
        log:
            f"{RESULTS}/logs/report/figure_{number:02d}.log",
        params:
            config=CONFIG,
            number=number,
            graph=f"--rulegraph {RESULTS}/rulegraph.dot" if number == 2 else "",
            code=code_digest("sartext.report.figures"),
            settings=CFG.digest(),
        shell:
            "sartext report figure {params.number} --config {params.config} {params.graph} > {log} 2>&1"


rule page:
    input:
        standings=f"{REPORTS}/leaderboard.json",
        statistics=f"{RESULTS}/sartext/statistics.json",
        audits=expand(f"{RESULTS}/audit/{{set}}.json", set=["stage1", "sartext"]),
        drift=rules.drift.output.json,
        summaries=expand(
            f"{RESULTS}/scenes/{{source}}/summary.json",
            source=SAR_SOURCES + OPTICAL_SOURCES,
        ),
        tables=expand(f"{REPORTS}/tables/table_{{number:02d}}.html", number=TABLES),
        figures=expand(f"{REPORTS}/figures/figure_{{number:02d}}.svg", number=FIGURES),
    output:
        f"{REPORTS}/index.html",
    log:
        f"{RESULTS}/logs/report/page.log",
    params:
        config=CONFIG,
        code=code_digest("sartext.report.page"),
    shell:
        "sartext report page --config {params.config} > {log} 2>&1"
