# The whole paper: `snakemake --cores all`. The rules stand in workflow/; an include alone would drop the default target.
include: "workflow/Snakefile"


rule reproduce:
    default_target: True
    input:
        rules.all.input,
