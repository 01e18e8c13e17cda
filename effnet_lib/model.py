"""EfficientNet, built from an ArchSpec, and its weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from effnet_lib.arch import ArchSpec
from effnet_lib.blocks import ConvNormAct, FusedMBConv, MBConv

_BLOCKS = {"mbconv": MBConv, "fused": FusedMBConv}


class EfficientNet(nn.Module):
    """The network that ``arch`` describes, with PyTorch's default initialisation.

    ``stem``, ``stages`` (one Sequential a stage, one module a block), ``head`` and ``classifier`` bear the
    names that ``cost_of`` gives their layers. Weights depend on torch's random state: seed it before.

    Raises
    ------
    ValueError
        If ``arch`` is not an ArchSpec.
    """

    def __init__(self, arch: ArchSpec) -> None:
        super().__init__()
        if not isinstance(arch, ArchSpec):
            raise ValueError(f"arch must be an ArchSpec, as get_arch('efficientnet_b0') is, got {arch!r}")
        self.arch = arch
        shared = {"padding": arch.padding, "bn_eps": arch.bn_eps, "bn_momentum": arch.bn_momentum}
        self.stem = ConvNormAct(
            arch.in_channels, arch.stem, 3, arch.stem_stride, activation=arch.activation, **shared
        )
        blocks = arch.blocks()
        rates = {block.name: arch.drop_path * i / len(blocks) for i, block in enumerate(blocks)}
        self.stages = nn.Sequential()
        for i in range(len(arch.stages)):
            rows = [block for block in blocks if block.name.startswith(f"stages.{i}.")]
            self.stages.append(nn.Sequential(*(_BLOCKS[b.block](b, arch, rates[b.name]) for b in rows)))
        self.head = ConvNormAct(arch.stages[-1].channels, arch.head, activation=arch.activation, **shared)
        self.dropout = nn.Dropout(arch.dropout, inplace=True)
        self.classifier = nn.Linear(arch.head, arch.classes)

    def features(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, head, H / total stride, W / total stride), rounded up."""
        x = self.stem(x)
        for stage in self.stages:  # calling a Sequential would keep its input alive until it returns
            for block in stage:
                x = block(x)
        return self.head(x)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to logits, (N, classes).

        Raises
        ------
        ValueError
            If ``x`` has not four dimensions, or another number of channels.
        """
        if x.ndim != 4 or x.shape[1] != self.arch.in_channels:
            raise ValueError(f"x must be (N, {self.arch.in_channels}, H, W), got {tuple(x.shape)}")
        pooled = F.adaptive_avg_pool2d(self.features(x), 1).flatten(1)
        return self.classifier(self.dropout(pooled))


def _read(path: str | Path) -> Mapping[str, Tensor]:
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"state_dict must be a mapping or an existing file, got {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a cut or foreign file
        raise ValueError(
            f"state_dict file {str(path)!r} could not be read as weights: it is damaged, cut short or not a "
            f"PyTorch or safetensors file ({type(error).__name__})"
        ) from error


def load_torchvision_weights(model: nn.Module, state_dict: Mapping[str, Tensor] | str | Path) -> None:
    """Copy the weights of torchvision's (or timm's) EfficientNet of the same architecture into ``model``.

    Both networks hold the same tensors in the same order under other names, so tensors are matched by
    position; where the names are this model's own, by name. Batch counters (``num_batches_tracked``) are
    left out; shapes may differ by axes of size 1. Nothing is copied unless everything fits.

    Parameters
    ----------
    model : nn.Module
        Usually an ``EfficientNet``.
    state_dict : mapping of str to Tensor, or path
        What torchvision's ``model.state_dict()`` returns, or a ``.pth`` file of it, or a ``.pth`` or
        ``.safetensors`` file of this model's own weights. Nothing but tensors is unpickled.

    Raises
    ------
    ValueError
        If the file cannot be read, or the number of tensors or a shape differs; the message names the
        first tensor that does not fit.
    """
    ordered = True
    if isinstance(state_dict, (str, Path)):
        ordered = Path(state_dict).suffix != ".safetensors"
        state_dict = _read(state_dict)
    if not isinstance(state_dict, Mapping) or not all(isinstance(v, Tensor) for v in state_dict.values()):
        raise ValueError(f"state_dict must map names to tensors, got {type(state_dict).__name__}")
    ours = [(k, v) for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")]
    theirs = [(k, v) for k, v in state_dict.items() if not k.endswith("num_batches_tracked")]
    if {name for name, _ in ours} == {name for name, _ in theirs}:
        theirs = [(name, state_dict[name]) for name, _ in ours]
    elif not ordered:
        raise ValueError(
            "state_dict from a safetensors file must use this model's own names, because such a file does "
            f"not keep tensors in order; got {theirs[0][0] if theirs else 'no tensor'!r}"
        )
    for (name, tensor), (other, source) in zip(ours, theirs, strict=False):
        if [n for n in tensor.shape if n != 1] != [n for n in source.shape if n != 1]:
            raise ValueError(
                f"state_dict does not fit: {other} has shape {tuple(source.shape)} where {name} needs "
                f"{tuple(tensor.shape)}; is it another variant?"
            )
    if len(ours) != len(theirs):
        raise ValueError(f"state_dict must hold {len(ours)} tensors for this model, got {len(theirs)}")
    with torch.no_grad():
        for (_, tensor), (_, source) in zip(ours, theirs, strict=True):
            tensor.copy_(source.reshape(tensor.shape))


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """A copy of ``model`` in evaluation mode with every batch norm folded into the convolution before it.

    In evaluation a batch norm is an affine map a channel, so convolution and batch norm are one
    convolution with other weights and a bias.

    Raises
    ------
    ValueError
        If ``model`` is in training mode, where batch norm depends on the batch.
    """
    if model.training:
        raise ValueError("model must be in evaluation mode, got training mode; call model.eval() first")
    folded = copy.deepcopy(model)
    for module in folded.modules():
        if isinstance(module, ConvNormAct) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return folded.requires_grad_(False)


def inference_form(model: nn.Module) -> nn.Module:
    """A copy of ``model`` for fast inference: batch norms folded, weights laid out channels last.

    Logits are those of ``model`` up to rounding. Raises ValueError as ``fold_batch_norms`` does.
    """
    return fold_batch_norms(model).to(memory_format=torch.channels_last)
