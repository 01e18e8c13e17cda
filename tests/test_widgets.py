"""The widgets' Python side: settings, numbers, text form, and the JavaScript they carry."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from effnet_lib import widgets
from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.cost import conv_macs, conv_params, cost_of
from effnet_lib.families import available, get_arch
from effnet_lib.scaling import compound_scale
from effnet_lib.widgets import LayerExplorer, NetworkExplorer, ScalingExplorer, bundle
from effnet_lib.widgets.base import Number, text_table

EXPLORERS = (LayerExplorer, NetworkExplorer, ScalingExplorer)
FOLDER = Path(widgets.__file__).parent
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
SMALL = ArchSpec(name="mine", stages=(StageSpec("mbconv", 3, 2, 4, 16, 2),), stem=8, head=32, resolution=32)


def test_importing_the_package_loads_no_widget_library():
    code = "import sys, effnet_lib.widgets; sys.exit(bool({'anywidget', 'ipywidgets'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_of_the_package_loads():
    for name in widgets.__all__:
        assert getattr(widgets, name).__name__ == name
    with pytest.raises(AttributeError, match="LayerExplorers"):
        _ = widgets.LayerExplorers


@pytest.mark.parametrize(
    ("explorer", "setting", "value", "right"),
    [
        (LayerExplorer, "channels", 0, "an integer from 1 to 4,096"),
        (LayerExplorer, "channels", 4097, "an integer from 1 to 4,096"),
        (LayerExplorer, "channels", 64.5, "an integer from 1 to 4,096"),
        (LayerExplorer, "channels", float("nan"), "an integer from 1 to 4,096"),
        (LayerExplorer, "channels", None, "an integer from 1 to 4,096"),
        (LayerExplorer, "channels", True, "an integer from 1 to 4,096"),
        (LayerExplorer, "channels", "64", "an integer from 1 to 4,096"),
        (LayerExplorer, "kernel", 4, "one of 1, 3, 5, 7, 9"),
        (LayerExplorer, "stride", True, "one of 1, 2"),
        (LayerExplorer, "se", 1, "True or False"),
        (LayerExplorer, "layer", "dense", "one of 'conv', 'separable', 'mbconv', 'fused'"),
        (LayerExplorer, "locked_by", 3, "a string"),
        (NetworkExplorer, "variant", "efficientnet_b9", "one of 'efficientnet_b0'"),
        (NetworkExplorer, "variant", ["efficientnet_b0"], "one of 'efficientnet_b0'"),
        (NetworkExplorer, "resolution", 4096, "an integer from 8 to 1,024"),
        (NetworkExplorer, "show", "flops", "one of 'macs', 'params', 'activations'"),
        (ScalingExplorer, "phi", -1, "a number from 0 to 8"),
        (ScalingExplorer, "phi", float("inf"), "a number from 0 to 8"),
        (ScalingExplorer, "alpha", 0.9, "a number from 1 to 2"),
        (ScalingExplorer, "gamma", np.nan, "a number from 1 to 2"),
    ],
)
def test_a_bad_setting_is_refused_by_name_with_what_is_right(explorer, setting, value, right):
    said = re.escape(f"{setting} must be {right}")
    with pytest.raises(ValueError, match=said) as caught:
        explorer(**{setting: value})
    assert repr(value) in str(caught.value)
    widget = explorer()
    before = getattr(widget, setting)
    with pytest.raises(ValueError, match=said):
        setattr(widget, setting, value)
    assert getattr(widget, setting) == before


def test_an_unknown_setting_is_refused_and_the_known_ones_listed():
    with pytest.raises(TypeError, match=r"LayerExplorer has no setting 'chanels'.*channels, expand"):
        LayerExplorer(chanels=3)


def test_numbers_of_numpy_become_pythons():
    widget = LayerExplorer(channels=np.int64(32), kernel=np.int32(5))
    assert (type(widget.channels), widget.channels) == (int, 32)
    assert (type(widget.kernel), widget.kernel) == (int, 5)
    assert type(ScalingExplorer(phi=np.float32(1)).phi) is float


def test_an_arch_that_is_none_is_refused():
    with pytest.raises(ValueError, match="arch must be an ArchSpec, got 'b0'"):
        NetworkExplorer(arch="b0")
    stage = StageSpec("mbconv", 3, 2, 4, 8, 1, hidden=(30,))
    with pytest.raises(ValueError, match=r"arch must be regular, .* got 'pruned' with widths given block by block"):
        NetworkExplorer(arch=ArchSpec("pruned", (stage,), stem=8, head=8, resolution=32))


def test_layer_costs_follow_the_settings():
    widget = LayerExplorer()
    widget.set_trait("layer", "conv")
    assert widget.macs == conv_macs(64, 64, 3, 56) == 115_605_504
    widget.channels, widget.out_channels, widget.kernel, widget.stride, widget.resolution = 16, 24, 5, 2, 57
    assert widget.macs == conv_macs(16, 24, 5, 29)
    assert widget.params == conv_params(16, 24, 5) + 2 * 24
    widget.layer = "separable"
    assert widget.macs == conv_macs(16, 16, 5, 29, groups=16) + conv_macs(16, 24, 1, 29)


def test_layer_blocks_are_those_of_the_networks():
    """B0's stages.1.1: MBConv6 3x3, 24 channels, 56 pixels, squeeze-and-excitation."""
    widget = LayerExplorer(channels=24, kernel=3, expand=6, se=True, resolution=56, layer="mbconv")
    (block,) = [s for s in cost_of(get_arch("efficientnet_b0")).by_block() if s.name == "stages.1.1"]
    assert (widget.macs, widget.params) == (block.macs, block.params)
    assert sum(part.activation_bytes for part in widget.costs["mbconv"]) == block.activation_bytes


@pytest.mark.parametrize("name", available())
def test_network_costs_are_the_librarys_at_the_networks_own_resolution(name):
    widget = NetworkExplorer(variant=name)
    cost = cost_of(get_arch(name))
    assert (widget.resolution, widget.macs, widget.params) == (cost.resolution, cost.macs, cost.params)


def test_a_network_of_ones_own_comes_first():
    widget = NetworkExplorer(arch=SMALL)
    assert (widget.variant, widget.resolution) == ("mine", 32)
    assert widget.macs == cost_of(SMALL).macs
    assert widget.limits["variant"] == ["mine", *available()]
    widget.variant = "efficientnet_b0"
    assert widget.macs == cost_of(get_arch("efficientnet_b0"), 32).macs
    half = get_arch("efficientnet_b0").replace(head=640)
    assert NetworkExplorer(arch=half).macs == cost_of(half).macs


def test_a_resolution_below_the_total_stride_is_said_in_text():
    widget = NetworkExplorer(resolution=8)
    assert "resolution must be at least 32 pixels" in repr(widget)
    with pytest.raises(ValueError, match="at least 32 pixels"):
        _ = widget.macs


def test_scaling_costs_are_the_librarys():
    widget = ScalingExplorer()
    assert (widget.macs, widget.params) == (385_814_752, 5_288_548)
    widget.phi, widget.alpha, widget.beta, widget.gamma = 2.5, 1.3, 1.05, 1.12
    scaled = compound_scale(get_arch("efficientnet_b0"), 2.5, 1.3, 1.05, 1.12)
    assert (widget.macs, widget.params) == (cost_of(scaled).macs, cost_of(scaled).params)
    assert widget.resolution == scaled.resolution


def test_published_points_have_counted_macs_and_published_accuracies():
    points = {p["label"]: (p["macs"], p["top1"]) for p in ScalingExplorer().points}
    assert points["B0"] == (385_814_752, 77.1)
    assert points["B7"] == (37_745_884_192, 84.3)
    rounded = {name: round(macs / 1e9, 3) for name, (macs, _) in points.items()}
    assert [rounded[name] for name in ("depth ×4", "width ×2", "resolution ×2")] == [1.575, 1.45, 1.538]
    assert (rounded["compound"], points["compound"][1]) == (1.8, 81.1)
    assert len(points) == 13


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_the_text_form_is_the_same_each_time_and_holds_the_numbers(explorer):
    widget = explorer()
    bundle = widget._repr_mimebundle_()
    assert bundle["text/plain"] == repr(widget) == repr(explorer())
    assert f"{widget.macs:,}" in bundle["text/plain"]
    assert f"{widget.params:,}" in bundle["text/plain"]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id


def test_text_tables_line_up():
    assert text_table([("", "n"), ("long name", "1"), ("b", "1,000")]).splitlines() == [
        "               n", "long name      1", "b          1,000",
    ]  # fmt: skip


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_the_page_gets_its_limits_from_python(explorer):
    widget = explorer()
    numbers = {name: trait for name, trait in widget.traits().items() if isinstance(trait, Number)}
    assert numbers
    for name, trait in numbers.items():
        assert widget.limits[name] == [trait.low, trait.high, trait.default_value]


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_stored_state_is_json_and_small(explorer):
    state = explorer().get_state()
    del state["layout"]  # a widget of its own
    assert len(state["_esm"]) < 32_000
    assert len(json.dumps(state)) < 52_000


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_javascript_builds_text_only_and_listens_to_no_keys_of_its_own(path):
    code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|https?://(?!www\.w3\.org)"
    assert re.findall(banned, code) == []
    if path.name != "kit.js":  # its guard
        assert "keydown" not in code


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.css")), ids=lambda path: path.name)
def test_styles_fetch_nothing_and_stay_inside_the_widgets(path):
    code = path.read_text(encoding="utf-8")
    assert "url(" not in code
    assert "@import" not in code
    rules = re.findall(r"(?:^|[}\n;{])\s*([^{}@;]+?)\s*\{", re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL))
    assert [rule for rule in rules for part in rule.split(",") if ".efx" not in part] == []


def test_a_bundle_inlines_each_module_once(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle, "HERE", tmp_path)
    (tmp_path / "leaf.js").write_text("// a comment\nexport const leaf = 1;\n")
    (tmp_path / "middle.js").write_text(
        'import { leaf } from "./leaf.js";\nexport function middle() {\n  return leaf;\n}\n'
    )
    (tmp_path / "top.js").write_text(
        'import { leaf as one } from "./leaf.js";\nimport {\n  middle,\n} from "./middle.js";\n\n'
        "export default { render: () => one + middle() };\n"
    )
    text = bundle.script("top.js")
    assert text.count("const leaf = 1") == 1
    assert "const { leaf: one } = _leaf;" in text
    assert "import" not in text
    assert "comment" not in text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('import * as a from "./leaf.js";\nexport default {};\n', r"top.js must import as"),
        ('import { top } from "./top.js";\nexport default {};\n', "circle, got top -> top"),
        ("const a = 1;\n", "top.js must have an 'export default'"),
    ],
)
def test_a_bundle_refuses_what_it_cannot_inline(monkeypatch, tmp_path, code, said):
    monkeypatch.setattr(bundle, "HERE", tmp_path)
    (tmp_path / "leaf.js").write_text("export const a = 1;\n")
    (tmp_path / "top.js").write_text(code)
    with pytest.raises(ValueError, match=said):
        bundle.script("top.js")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_notebook_holds_a_stale_copy_of_a_widgets_code(path):
    """After an edit of a widget's JavaScript or CSS, ``make notebooks`` stores the new text."""
    stored = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("widgets", {})
    states = stored.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    stale = set()
    for model in states.values():
        state = model["state"]
        module, _, name = str(state.get("_anywidget_id", "")).rpartition(".")
        if module.startswith("effnet_lib.widgets"):
            current = getattr(widgets, name)
            if (state["_esm"], state["_css"]) != (current._esm, current._css):
                stale.add(name)
    assert stale == set(), "run make notebooks"
