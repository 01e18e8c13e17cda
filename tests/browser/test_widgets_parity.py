"""What the widgets compute in the browser equals the library, integer for integer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import effnet_lib.widgets
from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.cost import LayerCost, cost_of
from effnet_lib.families import available, get_arch
from effnet_lib.scaling import compound_scale, round_channels, round_depth, round_resolution, scale
from effnet_lib.widgets import LayerExplorer, ScalingExplorer
from effnet_lib.widgets.network_explorer import rows

FOLDER = Path(effnet_lib.widgets.__file__).parent
SEED = 20190611  # of every random setting here; a failure names the setting itself
LAYERS = "l => [l.name, l.kind, l.weights, l.norm, l.macs, l.in_shape, l.out_shape]"
COST = f"""({{arch, resolution}}) => {{
  const cost = js.costOf(arch, resolution);
  return [cost.layers.map({LAYERS}), [cost.params, cost.macs, cost.activation_bytes],
    js.groups(cost.layers, 2).map(share => [share.name, share.params, share.macs, share.activation_bytes])];
}}"""


@pytest.fixture(scope="module")
def js(chromium: Browser) -> Iterator[Page]:
    """A page with the exports of cost.js in ``js``, of the bundled explorers in ``layer`` and ``scaling``."""
    page = chromium.new_page()
    load = """async texts => {
      for (const [name, text] of Object.entries(texts))
        window[name] = await import(URL.createObjectURL(new Blob([text], {type: "text/javascript"})));
    }"""
    cost = (FOLDER / "cost.js").read_text(encoding="utf-8")
    page.evaluate(load, {"js": cost, "layer": LayerExplorer._esm, "scaling": ScalingExplorer._esm})
    yield page
    page.close()


def ask(page: Page, function: str, arguments: list[Any]) -> list[Any]:
    """The function's result for every argument, in one message to the browser."""
    call = f"text => JSON.stringify(JSON.parse(text).map({function}))"
    return json.loads(page.evaluate(call, json.dumps(arguments)))


def plain(layers: Any) -> list[list[Any]]:
    def fields(layer: LayerCost) -> list[Any]:
        return [*layer[:5], list(layer.in_shape), list(layer.out_shape)]

    return [fields(layer) for layer in layers]


def answer(arch: ArchSpec, resolution: int | None = None) -> list[Any]:
    cost = cost_of(arch, resolution)
    stages = [[s.name, s.params, s.macs, s.activation_bytes] for s in cost.by_stage()]
    return [plain(cost.layers), [cost.params, cost.macs, cost.activation_bytes], stages]


def random_arch(draw: random.Random) -> ArchSpec:
    stages = tuple(
        StageSpec(
            block=draw.choice(("mbconv", "fused")),
            kernel=draw.choice((1, 3, 5, 7)),
            stride=draw.choice((1, 2)),
            expand=draw.randint(1, 7),
            channels=draw.randint(1, 400),
            depth=draw.randint(1, 5),
            se_ratio=draw.choice((0, 0.0625, 0.1, 0.25, 1 / 3, 0.5, 1, draw.random())),
        )
        for _ in range(draw.randint(1, 9))
    )
    return ArchSpec(
        name="random",
        stages=stages,
        stem=draw.randint(1, 64),
        head=draw.randint(1, 2000),
        resolution=draw.randint(1024, 1200),
        classes=draw.randint(1, 1000),
        in_channels=draw.randint(1, 4),
        stem_stride=draw.choice((1, 2)),
        fixed_ends=draw.random() < 0.3,
    )


def test_published_networks_cost_the_same(js):
    draw = random.Random(SEED)
    for name in available():
        arch = get_arch(name)
        sizes = [arch.resolution, 32, 225, *(draw.randint(32, 1024) for _ in range(5))]
        found = ask(js, COST, [{"arch": arch.to_dict(), "resolution": size} for size in sizes])
        for size, values in zip(sizes, found, strict=True):
            assert values == answer(arch, size), (name, size)


def test_random_networks_cost_the_same_layer_by_layer(js):
    draw = random.Random(SEED)
    archs = [random_arch(draw) for _ in range(300)]
    sizes = [draw.randint(arch.total_stride, 700) if arch.total_stride <= 700 else 1100 for arch in archs]
    found = ask(
        js, COST, [{"arch": a.to_dict(), "resolution": size} for a, size in zip(archs, sizes, strict=True)]
    )
    for arch, size, values in zip(archs, sizes, found, strict=True):
        assert values == answer(arch, size), (arch, size)
    assert len({tuple(values[1]) for values in found}) == 300


def test_the_rows_that_the_page_gets_mean_the_same_network(js):
    draw = random.Random(SEED)
    archs = [random_arch(draw) for _ in range(50)]
    found = ask(js, COST, [{"arch": rows(arch), "resolution": arch.resolution} for arch in archs])
    for arch, values in zip(archs, found, strict=True):
        assert values == answer(arch), arch


def test_rounding_is_the_same(js):
    draw = random.Random(SEED)
    values = [i / 4 for i in range(1, 4000)] + [draw.uniform(0.01, 3000) for _ in range(2000)]
    widths, multipliers = (16, 24, 40, 80, 112, 192, 320, 1280), (1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 3.1)
    values += [width * multiplier for width in widths for multiplier in multipliers]
    found = ask(js, "v => [js.roundChannels(v), js.roundDepth(v), js.roundResolution(v)]", values)
    for value, rounded in zip(values, found, strict=True):
        assert rounded == [round_channels(value), round_depth(value), round_resolution(value)], value


def test_scaled_networks_are_the_same(js):
    draw = random.Random(SEED)
    cases = []
    for _ in range(300):
        arch = get_arch(draw.choice(available())) if draw.random() < 0.5 else random_arch(draw)
        multipliers = [1.0, draw.uniform(0.1, 4), draw.randint(1, 40) / 10]
        cases.append((arch, draw.choice(multipliers), draw.choice(multipliers)))
    function = "([arch, width, depth]) => js.scale(arch, width, depth, arch.resolution)"
    found = ask(js, function, [(arch.to_dict(), width, depth) for arch, width, depth in cases])
    for (arch, width, depth), values in zip(cases, found, strict=True):
        assert ArchSpec.from_dict(values) == scale(arch, width, depth), (arch, width, depth)


def test_compound_scaling_is_the_same(js):
    """Coefficients of two decimals, as the sliders give, and of any number of them."""
    draw = random.Random(SEED)
    base = get_arch("efficientnet_b0")
    cases = [(phi / 10, 1.2, 1.1, 1.15) for phi in range(81)]
    for _ in range(400):
        digits = draw.choice((2, 17))
        cases.append((round(draw.uniform(0, 4), 1), *(round(draw.uniform(1, 1.6), digits) for _ in range(3))))
    function = f"""([arch, ...numbers]) => {{
      const scaled = js.compoundScale(arch, ...numbers);
      return [scaled, ({COST})({{arch: scaled, resolution: scaled.resolution}})[1]];
    }}"""
    found = ask(js, function, [(base.to_dict(), *case) for case in cases])
    for case, (scaled, totals) in zip(cases, found, strict=True):
        expected = compound_scale(base, *case)
        assert ArchSpec.from_dict(scaled) == expected, case
        assert totals == answer(expected)[1], case


def test_single_layers_cost_the_same(js):
    draw = random.Random(SEED)
    names = ("channels", "kernel", "expand", "se", "resolution", "out_channels", "stride")
    settings = [
        {
            "channels": draw.randint(1, 4096),
            "kernel": draw.choice((1, 3, 5, 7, 9)),
            "expand": draw.randint(1, 12),
            "se": draw.random() < 0.5,
            "resolution": draw.randint(1, 1024),
            "out_channels": draw.choice((0, draw.randint(1, 4096))),
            "stride": draw.choice((1, 2)),
        }
        for _ in range(300)
    ]
    extreme = (4096, 9, 12, True, 1024, 4096, 1), (1, 1, 1, True, 1, 0, 2)
    settings += [dict(zip(names, values, strict=True)) for values in extreme]
    function = f"s => Object.entries(layer.layersOf(s)).map(([name, parts]) => [name, parts.map({LAYERS})])"
    widget = LayerExplorer()
    for setting, values in zip(settings, ask(js, function, settings), strict=True):
        widget.set_trait("layer", "conv")
        for name, value in setting.items():
            setattr(widget, name, value)
        assert values == [[name, plain(layers)] for name, layers in widget.costs.items()], setting


def test_what_cannot_be_counted_exactly_says_so(js):
    """Doubles hold integers up to 2^53; the largest settings of the scaling explorer go beyond."""
    base = get_arch("efficientnet_b0").to_dict()
    exact, huge = ask(
        js, "n => { const c = js.costOf(js.compoundScale(n[0], ...n[1])); return [c.exact, c.macs]; }",
        [(base, (7, 1.2, 1.1, 1.15)), (base, (8, 2, 2, 2))],
    )  # fmt: skip
    assert exact[0] is True
    assert huge[0] is False
    assert ScalingExplorer(phi=8, alpha=2, beta=2, gamma=2).macs > 2**53


def test_the_pareto_front_is_what_nothing_beats(js):
    draw = random.Random(SEED)
    clouds = [
        [{"macs": draw.randint(1, 30), "top1": draw.randint(1, 30)} for _ in range(25)] for _ in range(100)
    ]
    fronts = ask(js, "points => scaling.paretoFront(points)", clouds)
    for cloud, front in zip(clouds, fronts, strict=True):
        kept = {
            (p["macs"], p["top1"])
            for p in cloud
            if not any(q["macs"] <= p["macs"] and q["top1"] >= p["top1"] and q != p for q in cloud)
        }
        assert {(p["macs"], p["top1"]) for p in front} == kept
        assert [p["macs"] for p in front] == sorted(p["macs"] for p in front)
