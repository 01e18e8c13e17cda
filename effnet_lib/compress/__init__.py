"""Making a trained network smaller: pruning, distillation, quantization.

>>> from effnet_lib.compress import prune_fraction
>>> smaller = prune_fraction(model, 0.5)         # doctest: +SKIP
>>> smaller.arch                                 # a real, smaller network    # doctest: +SKIP

Names load on first use.
"""

from __future__ import annotations

from effnet_lib.lazy import lazily

_HOME = {
    # pruning
    "MaskHandle": "masks",
    "apply_masks": "masks",
    "cubic_schedule": "masks",
    "magnitude_masks": "masks",
    "GradualPruning": "gradual",
    "prune_gradually": "gradual",
    "sparsity": "masks",
    "break_even_density": "storage",
    "storage_bytes": "storage",
    "tensor_bytes": "storage",
    "prunable": "masks",
    "kept_count": "channels",
    "ChannelGroup": "groups",
    "Member": "groups",
    "channel_groups": "groups",
    "CRITERIA": "scores",
    "channel_scores": "scores",
    "zero_channels": "scores",
    "prune_channels": "channels",
    "prune_fraction": "channels",
    "SensitivityRow": "scan",
    "sensitivity": "scan",
    # distillation
    "distill": "distillation",
    "distillation_loss": "distillation",
    "soft_loss": "distillation",
    # quantization
    "Scheme": "affine",
    "dequantize": "affine",
    "fake_quantize": "affine",
    "integer_range": "affine",
    "quantize": "affine",
    "scale_and_zero_point": "affine",
    "sqnr": "affine",
    "StreamingHistogram": "histogram",
    "MinMaxObserver": "observers",
    "MseObserver": "observers",
    "PercentileObserver": "observers",
    "make_observer": "observers",
    "FakeQuantize": "fake",
    "QuantizedLayer": "layers",
    "layer_bytes": "layers",
    "kind_of": "layers",
    "weighted_layers": "layers",
    "QuantizedNetwork": "network",
    "quantized": "network",
    "ChannelCap": "equalization",
    "equalization_pairs": "equalization",
    "equalize": "equalization",
    "zero_dead_channels": "dead",
    "channel_means": "bias",
    "correct_bias": "bias",
    "prepare_qat": "qat",
    "allocate_bits": "mixed",
    "layer_sensitivity": "mixed",
    "packed_bytes": "mixed",
    # integer arithmetic
    "Grid": "integer",
    "accumulate_conv2d": "integer",
    "fixed_point": "integer",
    "multiply_fixed": "integer",
    "quantized_add": "integer",
    "quantized_conv2d": "integer",
    "quantized_linear": "integer",
    "quantized_mean": "integer",
    "requantize": "integer",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
