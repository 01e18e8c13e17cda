from dataclasses import replace

import numpy as np
import pytest
import torch

from effnet_lib.compress import (
    MinMaxObserver,
    MseObserver,
    PercentileObserver,
    Scheme,
    StreamingHistogram,
    fake_quantize,
    make_observer,
)


def batches(n=60, size=3000, seed=5):
    print("seed", seed)
    generator = torch.Generator().manual_seed(seed)
    # growing, skewed and with outliers, so that ranges are stretched again and again
    return [torch.randn(size, generator=generator).exp() * (1 + k) - 3 for k in range(n)]


def seen(observer, data):
    for x in data:
        observer.observe(x)
    return observer


def test_minmax_is_numpys_on_the_full_data():
    data = batches()
    low, high = seen(MinMaxObserver(Scheme()), data).range()
    full = torch.cat(data).numpy()
    assert (low.item(), high.item()) == (full.min(), full.max())


@pytest.mark.parametrize("percentile", [99.9, 99.0, 75.0, 100.0])
def test_a_percentile_of_a_stream_is_numpys_on_the_full_data_to_within_a_bin(percentile):
    data = batches()
    full = torch.cat(data).double().numpy()
    bin_width = 4 * np.abs(full).max() / 8192
    affine = seen(PercentileObserver(Scheme(symmetric=False, percentile=percentile)), data)
    tail = (100 - percentile) / 2
    for found, share in zip(affine.range(), (tail, 100 - tail), strict=True):
        assert abs(found.item() - np.percentile(full, share, method="inverted_cdf")) <= bin_width
    _, high = seen(PercentileObserver(Scheme(percentile=percentile)), data).range()
    assert abs(high.item() - np.percentile(np.abs(full), percentile, method="inverted_cdf")) <= bin_width
    assert affine.histogram.counts is not None  # it was a histogram, not the values themselves


def test_a_percentile_of_few_values_is_exact_in_every_channel():
    x = torch.randn(7, 11, 9, generator=torch.Generator().manual_seed(3))
    observer = PercentileObserver(Scheme(symmetric=False, percentile=80), axis=1)
    observer.observe(x)
    low, high = observer.range()
    rows = x.movedim(1, 0).reshape(11, -1).numpy()
    assert np.array_equal(low.numpy(), np.percentile(rows, 10, axis=1, method="inverted_cdf"))
    assert np.array_equal(high.numpy(), np.percentile(rows, 90, axis=1, method="inverted_cdf"))


def error(x, low, high, scheme):
    from effnet_lib.compress import scale_and_zero_point

    scale, zero = scale_and_zero_point(low, high, scheme)
    return (fake_quantize(x, scale, zero, *scheme.range) - x).double().square().mean().item()


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_mse_is_no_worse_than_minmax_and_near_the_best_of_a_search_on_the_full_data(bits, symmetric):
    data = [torch.cat([x.clamp(max=40), torch.randn(200)]) for x in batches(20, 1000)]
    full, scheme = torch.cat(data), Scheme(bits, symmetric=symmetric)
    found = error(full, *seen(MseObserver(scheme), data).range(), scheme)
    widest = error(full, *seen(MinMaxObserver(scheme), data).range(), scheme)
    steps = torch.linspace(0.02, 1, 60)
    if symmetric:
        best = min(error(full, -full.abs().max() * s, full.abs().max() * s, scheme) for s in steps)
    else:
        best = min(error(full, full.min() * s, full.max() * t, scheme) for s in steps[::4] for t in steps)
    assert found <= widest * 1.001
    # the search moves one end at a time: it may stop a little above the best pair
    assert found <= best * (1.02 if symmetric else 1.15)


def test_mse_clips_an_outlier_that_minmax_keeps_and_treats_channels_alone():
    x = torch.randn(4, 6000, generator=torch.Generator().manual_seed(0))
    x[2, 0] = 20.0  # to keep it costs every other value, to clip it costs one
    scheme = Scheme(4, symmetric=False, observer="mse")
    together = make_observer(scheme, axis=0)
    together.observe(x)
    _, high = together.range()
    assert high[2] < 8
    for channel in range(4):
        alone = make_observer(scheme)
        alone.observe(x[channel])
        torch.testing.assert_close(alone.range()[1], high[channel])


def test_channels_of_one_sign_are_no_obstacle():
    x = torch.rand(3, 500, generator=torch.Generator().manual_seed(0)) + torch.tensor([[1.0], [-3.0], [0.0]])
    for name in ("minmax", "percentile", "mse"):
        for symmetric in (True, False):
            observer = make_observer(Scheme(4, symmetric=symmetric, observer=name), axis=0)
            observer.observe(x)
            scale, _ = observer.scale_and_zero_point()
            assert (scale > 0).all()


def test_a_histogram_counts_every_value_once_however_its_range_grows():
    data = batches(20, 2000)
    histogram = StreamingHistogram(bins=512)
    for x in data:
        histogram.add(x)
    values, counts = histogram.points()
    assert counts.sum() == 40_000 == histogram.seen
    full = torch.cat(data).double()
    edges = (torch.arange(513).double() - 256) * (2 * histogram.reach / 512)
    assert np.array_equal(np.histogram(full.numpy(), edges.numpy())[0], counts[0].numpy())
    assert torch.equal(values, values.sort(1).values)


def test_zeros_alone_and_zeros_first_are_counted():
    histogram = StreamingHistogram(bins=8)
    for x in (torch.zeros(20), torch.tensor([1.0, -2.0])):
        histogram.add(x)
    values, counts = histogram.points()
    assert counts.sum() == 22
    assert counts[0, 4] == 20
    assert values[0, 4] <= 1.0


def test_what_an_observer_keeps_does_not_grow_with_the_stream():
    def numbers_kept(n):
        observer = PercentileObserver(Scheme(), axis=0)
        for k in range(n):
            observer.observe(torch.randn(4, 2000, generator=torch.Generator().manual_seed(k)))
        found = observer.histogram
        kept = [value for value in vars(found).values() if isinstance(value, torch.Tensor)] + found._kept
        return sum(tensor.numel() for tensor in kept)

    assert numbers_kept(3) == 3 * 4 * 2000 + 2 * 4  # the values themselves, and the ends
    assert numbers_kept(10) == numbers_kept(100) == 4 * 8192 + 3 * 4  # counts, ends and reach


def test_an_observer_that_adopts_a_histogram_answers_as_if_it_had_seen_the_stream():
    data = batches(10)
    histogram = StreamingHistogram()
    for x in data:
        histogram.add(x)
    for name in ("minmax", "percentile", "mse"):
        scheme = Scheme(5, symmetric=False, observer=name)
        adopted = make_observer(scheme)
        adopted.adopt(histogram)
        for one, other in zip(adopted.range(), seen(make_observer(scheme), data).range(), strict=True):
            assert torch.equal(one, other)


def test_an_error_names_what_it_got():
    for name in ("minmax", "percentile", "mse"):
        observer = make_observer(replace(Scheme(), observer=name))
        with pytest.raises(ValueError, match="must see at least one value"):
            observer.range()
        with pytest.raises(ValueError, match="finite values, got nan"):
            observer.observe(torch.tensor([1.0, float("nan")]))
        with pytest.raises(ValueError, match="at least one value, got shape"):
            observer.observe(torch.zeros(0))
    with pytest.raises(ValueError, match="bins must be a positive multiple of 4, got 6"):
        StreamingHistogram(bins=6)
    histogram = StreamingHistogram(axis=0)
    histogram.add(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="x must have 3 channels as before, got 2"):
        histogram.add(torch.zeros(2, 2))
