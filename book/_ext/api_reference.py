"""The reference of the library, from its docstrings, without importing it.

    ```{api} effnet_lib.cost
    ```

documents the public names of a module in the order of its source. A page may then be linked as
``[cost_of](../book/api/cost.md#cost_of)``: the part after # is the name within the module.
"""

import ast
import copy
from pathlib import Path

from docutils.parsers.rst import Parser
from docutils.utils import new_document
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
NAPOLEON = Config(napoleon_use_rtype=False, napoleon_use_ivar=True, napoleon_preprocess_types=True)
Definition = ast.FunctionDef | ast.AsyncFunctionDef


def module_path(module: str) -> Path:
    """File of a module of this repository."""
    base = ROOT.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def public(nodes_: list[ast.stmt]) -> list[ast.stmt]:
    """Functions and classes whose names do not start with an underscore."""
    return [n for n in nodes_ if isinstance(n, Definition | ast.ClassDef) and not n.name.startswith("_")]


def type_aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Names that stand for a type, such as ``Genotype = tuple[int, ...]``, and what they stand for."""
    return {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Subscript | ast.BinOp)
        and node.targets[0].id[0].isupper()
        and not node.targets[0].id.isupper()
    }


class Names(ast.NodeTransformer):
    """Spells out the library's own classes in annotations, so that they become links, and its type aliases."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.full = {node.name: f"{module}.{node.name}" for node in public(tree.body)}
        self.aliases = type_aliases(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(module.partition(".")[0]):
                path = module_path(node.module)
                known = type_aliases(ast.parse(path.read_text("utf8"))) if path.is_file() else {}
                for alias in node.names:
                    name = alias.asname or alias.name
                    if alias.name in known:
                        self.aliases[name] = known[alias.name]
                    else:
                        self.full[name] = f"{node.module}.{alias.name}"

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.aliases:
            return self.visit(copy.deepcopy(self.aliases[node.id]))
        return ast.Name(self.full.get(node.id, node.id), node.ctx)

    def text(self, node: ast.expr | None) -> str:
        return "" if node is None else ast.unparse(self.visit(node))


def decorators(node: ast.ClassDef | Definition) -> set[str]:
    """Names of the decorators, without their arguments."""
    return {ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list}


def signature(function: Definition, names: Names, bound: bool = False) -> str:
    """``(argument: type = default, ...) -> type``; a bound method's first argument is left out."""
    arguments = function.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if argument.annotation is not None:
            argument.annotation = names.visit(argument.annotation)
    if bound:
        (arguments.posonlyargs or arguments.args).pop(0)
    returns = names.text(function.returns)
    return f"({ast.unparse(arguments)})" + (f" -> {returns}" if returns else "")


def fields(node: ast.ClassDef, names: Names) -> str | None:
    """Signature of a dataclass or named tuple, from its fields; ``None`` for other classes."""
    bases = {ast.unparse(base) for base in node.bases}
    if "dataclass" not in decorators(node) and "NamedTuple" not in bases:
        return None
    parts = []
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and not field.target.id.startswith("_"):
            default = f" = {ast.unparse(field.value)}" if field.value is not None else ""
            parts.append(f"{field.target.id}: {names.text(field.annotation)}{default}")
    return f"({', '.join(parts)})"


def described(node: ast.AST, indent: str) -> list[str]:
    """Docstring as reStructuredText."""
    text = ast.get_docstring(node) or ""
    return [indent + line for line in str(NumpyDocstring(text, NAPOLEON)).splitlines()] + [""]


def documented(node: ast.stmt, names: Names, owner: str = "", indent: str = "") -> list[str]:
    """Directives of Sphinx's Python domain for a function or a class with its public methods."""
    inside = indent + "   "
    if isinstance(node, ast.ClassDef):
        constructor = next((n for n in node.body if isinstance(n, Definition) and n.name == "__init__"), None)
        called = fields(node, names) or (signature(constructor, names, bound=True) if constructor else "")
        lines = [f"{indent}.. py:class:: {node.name}{called}", "", *described(node, inside)]
        for member in public(node.body):
            if ast.get_docstring(member):
                lines += documented(member, names, node.name, inside)
        return lines
    kinds = decorators(node)
    if owner and kinds & {"property", "cached_property", "functools.cached_property"}:
        lines = [f"{indent}.. py:property:: {node.name}"]
        lines += [f"{inside}:type: {names.text(node.returns)}"] if node.returns else []
    else:
        bound = bool(owner) and "staticmethod" not in kinds
        lines = [
            f"{indent}.. py:{'method' if owner else 'function'}:: {node.name}{signature(node, names, bound)}"
        ]
        lines += [f"{inside}:{kind}:" for kind in ("classmethod", "staticmethod") if kind in kinds]
    return [*lines, "", *described(node, inside)]


class Api(SphinxDirective):
    required_arguments = 1

    def run(self):
        module = self.arguments[0]
        path = module_path(module)
        if not path.is_file():
            raise self.error(f"there is no module {module} at {path.relative_to(ROOT)}")
        self.env.note_dependency(str(path))
        tree = ast.parse(path.read_text("utf8"))
        lines = [f".. py:module:: {module}", "", *described(tree, "")]
        for node in public(tree.body):
            lines += documented(node, Names(module, tree))
        # The page is Markdown, docstrings are reStructuredText: they are parsed into a document of their own.
        page = self.state.document
        inner = new_document(page["source"], page.settings)
        inner.reporter = page.reporter
        Parser().parse("\n".join(lines), inner)
        return inner.children


def name_targets(app, doctree) -> None:
    """Let Markdown links end in ``#name`` for everything that a page documents."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for signature_node in doctree.findall(lambda n: n.tagname == "desc_signature"):
        for identifier in signature_node["ids"]:
            slugs.setdefault(signature_node["fullname"], (0, identifier, signature_node["fullname"]))


def resolve(app, env, node, content):
    """Find a class of the library by its bare name; names from elsewhere (int, Tensor, ...) stay plain text.

    A full name that starts with the library's is not forgiven: Sphinx then warns.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or target.startswith("effnet_lib."):
        return None
    known = env.get_domain("py").objects
    found = [
        name for name in known if name.endswith(f".{target}") and known[name].objtype in ("class", "function")
    ]
    if len(found) == 1:
        entry = known[found[0]]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, [content], found[0])
    return content


def setup(app):
    app.add_directive("api", Api)
    app.connect("missing-reference", resolve)
    app.connect("doctree-read", name_targets)
    return {"parallel_read_safe": True}
