# Score files to standings.


rule standings:
    input:
        ALL_SCORES,
    output:
        f"{REPORTS}/leaderboard.json",
    log:
        f"{RESULTS}/logs/standings.log",
    params:
        code=code_digest(
            "sartext.leaderboard.scores", "sartext.leaderboard.standings", "sartext.report.boards"
        ),
    shell:
        "sartext leaderboard render {RESULTS}/scores --out {output} > {log} 2>&1"
