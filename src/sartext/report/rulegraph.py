"""Snakemake's rule graph: read from its dot text, folded to what a person wants to see."""

import re
from pathlib import Path

import networkx as nx

from sartext.core.errors import UserError

# The rules of each file of workflow/rules, and the stages of the paper they carry out.
STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Sources", ("simulate", "ingest")),
    ("Narrating", ("narrate", "narrate_pairs", "fidelity")),
    (
        "Building SAR-TEXT",
        ("build_stage1", "audit_stage1", "build_sartext", "audit_sartext", "statistics", "exports", "shards"),
    ),
    ("Stage 1: optical", ("tokenizer", "train_stage1")),
    ("Stage 2: SAR-TEXT", ("train_stage2",)),
    ("Evaluation", ("pull_benchmark", "draft_benchmark", "release", "predict", "score")),
    ("Tables and figures", ("standings", "drift", "rulegraph", "tables", "figures", "page", "index")),
)
_IGNORED = frozenset({"all", "reproduce"})
_FOLDED = (
    (r"predict_[\w-]+", "predict"),
    (r"score_[\w-]+", "score"),
    (r"release_[\w-]+", "release"),
    (r"train_\w+_(stage[12])", r"train_\1"),
    (r"table_\d+", "tables"),
    (r"figure_\d+", "figures"),
)
_NODE = re.compile(r'^\s*(\d+)\s*\[\s*label\s*=\s*"((?:[^"\\]|\\.)*)"')
_EDGE = re.compile(r"^\s*(\d+)\s*->\s*(\d+)\s*;?\s*$")


def folded(rule: str) -> str:
    """The name a rule is drawn under: rules made in a loop are one."""
    for pattern, name in _FOLDED:
        if match := re.fullmatch(pattern, rule):
            return match.expand(name)
    return rule


def stage_of(rule: str) -> str | None:
    """The stage that carries out a folded rule, or none if it is not known."""
    return next((stage for stage, rules in STAGES if rule in rules), None)


def parse_rulegraph(text: str, origin: str) -> "nx.DiGraph[str]":
    """Read what ``snakemake --rulegraph`` prints.

    Args:
        text: dot text; lines that are neither a node nor an edge are passed over.
        origin: its file, for errors.

    Returns:
        A graph of rule names, an edge from a rule to one that takes its output.

    Raises:
        UserError: it holds no rule, an edge of an unknown node, or a cycle.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    names: dict[str, str] = {}
    edges: list[tuple[str, str]] = []
    for line in text.splitlines():
        if node := _NODE.match(line):
            # a label may go on with wildcards after an escaped newline
            names[node[1]] = node[2].split("\\n")[0]
        elif edge := _EDGE.match(line):
            edges.append((edge[1], edge[2]))
    if not names:
        raise UserError(f"{origin}: no rule in it; expected the output of `snakemake --rulegraph`")
    graph.add_nodes_from(sorted(names.values()))
    for start, end in edges:
        if start not in names or end not in names:
            raise UserError(f"{origin}: the edge {start} -> {end} is of an unknown rule; make the file again")
        graph.add_edge(names[start], names[end])
    if not nx.is_directed_acyclic_graph(graph):
        raise UserError(f"{origin}: the rules depend on each other in a circle; make the file again")
    return graph


def overview_graph(graph: "nx.DiGraph[str]") -> "nx.DiGraph[str]":
    """Fold rules made in a loop into one, drop targets, and keep only edges that no path implies.

    Args:
        graph: from `parse_rulegraph`.

    Returns:
        A graph whose nodes have the attribute ``stage`` (``Other steps`` if a rule is not known).
    """
    small: nx.DiGraph[str] = nx.DiGraph()
    for rule in sorted(graph):
        if rule not in _IGNORED:
            small.add_node(folded(rule))
    for start, end in sorted(graph.edges):
        if not {start, end} & _IGNORED and folded(start) != folded(end):
            small.add_edge(folded(start), folded(end))
    reduced: nx.DiGraph[str] = nx.transitive_reduction(small)
    for rule in reduced:
        reduced.nodes[rule]["stage"] = stage_of(rule) or "Other steps"
    return reduced


def load_rulegraph(path: Path) -> "nx.DiGraph[str]":
    """Read a rule graph's file; raises `UserError` if it is missing, and as `parse_rulegraph` does."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `snakemake --rulegraph dot > {path}` writes it") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; expected the output of `snakemake --rulegraph`") from None
    return parse_rulegraph(text, str(path))
