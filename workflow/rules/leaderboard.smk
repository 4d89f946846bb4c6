# Score files to standings, and against the reference of the profile.


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


rule drift:
    input:
        ALL_SCORES,
    output:
        json=f"{REPORTS}/drift.json",
        markdown=f"{REPORTS}/drift.md",
    log:
        f"{RESULTS}/logs/drift.log",
    params:
        config=CONFIG,
        code=code_digest("sartext.leaderboard.drift"),
        reference=reference_digest(),
    shell:
        "sartext reference compare --config {params.config} > {log} 2>&1"
