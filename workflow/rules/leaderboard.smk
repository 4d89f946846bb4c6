# Score files to standings.


rule standings:
    input:
        ALL_SCORES,
    output:
        f"{REPORTS}/leaderboard.json",
    log:
        f"{RESULTS}/logs/standings.log",
    params:
        config=CONFIG,
        folder=lambda wildcards, input: Path(input[0]).parents[4],
        code=code_digest(
            "sartext.leaderboard.scores",
            "sartext.leaderboard.standings",
            "sartext.report.boards",
            "sartext.report.inputs",
        ),
    shell:
        "sartext leaderboard render {params.folder} --config {params.config} --out {output} > {log} 2>&1"
