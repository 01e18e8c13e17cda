"""One text of JavaScript per widget, from modules that import one another.

A browser loads a widget's code from a text (anywidget's ``_esm``), where ``import "./kit.js"`` has nothing to
resolve against. On disk the modules stay ordinary ES modules, which tests import as they are; here each
imported module becomes a function that is called once and returns its exports, so names cannot collide.
"""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([a-z_]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:const|function\*?|class) ([A-Za-z_$][\w$]*)", re.MULTILINE)
_LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def script(name: str, *folders: Path) -> str:
    """The module ``name`` (say ``"quiz.js"``) with all that it imports inlined, as one text.

    Modules are looked for in ``folders``, in order, and then in this one. Indentation and comment lines stay
    behind: every widget stored in a notebook carries this text.

    Raises
    ------
    ValueError
        If an import is written in a form that is not inlined, modules import one another in a circle, or the
        module has no ``export default``.
    """
    inlined: list[str] = []
    body = _body(name.removesuffix(".js"), [], inlined, (*folders, HERE))
    if "\nexport default " not in body:
        raise ValueError(f"{name} must have an 'export default', got none")
    _check(name, re.sub(r"^export ", "", body, flags=re.MULTILINE))
    return re.sub(r"^ *(//.*)?\n|^ +", "", "\n".join([*inlined, body]), flags=re.MULTILINE)


def style(*names: str) -> str:
    """The shared style sheet, followed by the sheets ``names`` of this folder. Comments stay behind, as in ``script``."""
    sheets = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("kit.css", *names))
    return re.sub(r"/\*.*?\*/\n*", "", sheets, flags=re.DOTALL)


def _body(module: str, above: list[str], inlined: list[str], folders: tuple[Path, ...]) -> str:
    """Text of a module with its imports replaced by the names of functions' results; fills ``inlined``."""
    if module in above:
        circle = " -> ".join([*above, module])
        raise ValueError(f"modules must not import one another in a circle, got {circle}")
    found = (folder / f"{module}.js" for folder in folders if (folder / f"{module}.js").is_file())
    text = next(found, HERE / f"{module}.js").read_text(encoding="utf-8")

    def replace(match: re.Match[str]) -> str:
        imported = match[2]
        source = _body(imported, [*above, module], inlined, folders)
        if not any(chunk.startswith(f"const _{imported} = ") for chunk in inlined):
            names = _EXPORT.findall(source)
            inner = re.sub(r"^export ", "", source, flags=re.MULTILINE).rstrip()
            _check(f"{imported}.js", inner)
            inner += f"\nreturn {{ {', '.join(names)} }};"
            inlined.append(f"const _{imported} = (() => {{\n{inner}\n}})();")
        wanted = re.sub(r"\s+", " ", match[1]).replace(" as ", ": ").strip()
        return f"const {{ {wanted} }} = _{imported};\n"

    return _IMPORT.sub(replace, text)


def _check(name: str, text: str) -> None:
    if left := _LEFT_OVER.search(text):
        raise ValueError(f'{name} must import as import {{ a, b }} from "./module.js"; got {left[0]!r}')
