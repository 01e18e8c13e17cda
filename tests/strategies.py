"""Random architectures for property-based tests."""

from hypothesis import strategies as st

from effnet_lib.arch import ACTIVATIONS, BLOCKS, PADDINGS, ArchSpec, StageSpec

stages = st.builds(
    StageSpec,
    block=st.sampled_from(BLOCKS),
    kernel=st.sampled_from((3, 5, 7)),
    stride=st.sampled_from((1, 2)),
    expand=st.integers(1, 6),
    channels=st.integers(1, 24),
    depth=st.integers(1, 3),
    se_ratio=st.sampled_from((0, 0.25, 0.5, 1.0)),
)


@st.composite
def archs(draw: st.DrawFn, most_stages: int = 4) -> ArchSpec:
    """Small networks of one to ``most_stages`` stages, at odd and even resolutions."""
    rows = tuple(draw(st.lists(stages, min_size=1, max_size=most_stages)))
    stem_stride = draw(st.sampled_from((1, 2)))
    total = stem_stride
    for row in rows:
        total *= row.stride
    return ArchSpec(
        name="random",
        stages=rows,
        stem=draw(st.integers(1, 24)),
        head=draw(st.integers(1, 48)),
        resolution=draw(st.integers(total, total + 40)),
        classes=draw(st.integers(1, 12)),
        in_channels=draw(st.sampled_from((1, 3))),
        activation=draw(st.sampled_from(ACTIVATIONS)),
        padding=draw(st.sampled_from(PADDINGS)),
        dropout=draw(st.sampled_from((0.0, 0.2))),
        drop_path=draw(st.sampled_from((0.0, 0.2))),
        bn_eps=draw(st.sampled_from((1e-5, 1e-3))),
        bn_momentum=draw(st.sampled_from((0.1, 0.01))),
        stem_stride=stem_stride,
        fixed_ends=draw(st.booleans()),
    )
