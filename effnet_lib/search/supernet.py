"""Weight sharing: one set of weights for all networks of a space (Guo et al. 2020, single path one-shot).

A network of the space uses slices of shared tensors. Each block of each stage has weights of its own for every
operation, that is block type, kernel, and whether the block expands; whatever else is chosen nests: a smaller
width, expansion ratio or squeeze width takes the first channels, a shallower stage its first blocks, and a
network without squeeze-and-excitation leaves those weights unused. Training draws one network a step:

>>> torch.manual_seed(0)                                        # doctest: +SKIP
>>> supernet = Supernet(tabular_space())                        # doctest: +SKIP
>>> fit(supernet, data, recipe, checkpoint="runs/supernet.pt")  # doctest: +SKIP
>>> accuracies = children_accuracy(supernet, data)              # doctest: +SKIP
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.data.sets import ImageData
from effnet_lib.model import EfficientNet
from effnet_lib.search.space import Genotype, SearchSpace
from effnet_lib.train.batch_norm import recalibrate
from effnet_lib.train.evaluation import split_accuracy

_CHOOSES_OPERATION = ("operation", "block", "kernel", "expand")


def _operation(stage: StageSpec) -> str:
    """What blocks must agree in to share weights: ``"mbconv5"``, or ``"mbconv5-plain"`` without expansion.

    An unexpanded block lacks a layer, and the others work on its input: nothing of it would nest.
    """
    return f"{stage.block}{stage.kernel}" + ("-plain" if stage.expand == 1 else "")


def shared_name(name: str, arch: ArchSpec) -> str:
    """Under which name a supernet keeps the tensor that is called ``name`` in ``EfficientNet(arch)``."""
    part, _, rest = name.partition(".")
    operation = f"@{_operation(arch.stages[int(rest.split('.')[0])])}" if part == "stages" else ""
    return name.replace(".", "/") + operation


def largest_networks(space: SearchSpace) -> list[ArchSpec]:
    """A few networks that together hold every tensor of the space at its largest shape.

    Each has the largest width, depth, expansion and squeeze ratio of every stage; the first has every stage's
    first operation, the second its second, and so on. They need not be points of the space.
    """
    first = (0,) * len(space.sizes)

    def varied(dimensions: Iterable[int]) -> list[ArchSpec]:
        """The networks of all options in ``dimensions``, with the first option elsewhere."""
        dimensions = list(dimensions)
        found = []
        for places in product(*(range(space.sizes[d]) for d in dimensions)):
            point = dict(zip(dimensions, places, strict=True))
            found.append(space.arch(tuple(point.get(d, 0) for d in range(len(first)))))
        return found

    archs = [arch for d in range(len(first)) for arch in varied([d])]
    stages = []
    for i in range(len(space.base.stages)):
        chosen_here = [
            d for d, dimension in enumerate(space.dimensions)
            if dimension.field in _CHOOSES_OPERATION and (dimension.stages is None or i in dimension.stages)
        ]  # fmt: skip
        here = [arch.stages[i] for arch in archs]
        largest = {name: max(getattr(s, name) for s in here) for name in ("channels", "depth", "se_ratio")}
        operations: dict[str, StageSpec] = {}
        for stage in (arch.stages[i] for arch in varied(chosen_here)):
            before = operations.get(_operation(stage))
            if before is None or stage.expand > before.expand:
                operations[_operation(stage)] = stage
        stages.append([StageSpec(**{**vars(stage), **largest}) for stage in operations.values()])
    ends = {end: max(getattr(arch, end) for arch in archs) for end in ("stem", "head")}
    return [
        space.base.replace(
            name=f"{space.name}-largest-{n}", **ends,
            stages=tuple(options[min(n, len(options) - 1)] for options in stages),
        )
        for n in range(max(map(len, stages)))
    ]  # fmt: skip


@lru_cache(512)
def _skeleton(arch: ArchSpec) -> EfficientNet:
    """The network's modules without memory for weights; takes nothing from the random state."""
    with torch.device("meta"):
        return EfficientNet(arch)


class Supernet(nn.Module):
    """All networks of ``space`` in one set of weights, at first PyTorch's default ones for the largest shapes.

    Weights depend on torch's random state: seed it before. In a space of one network they are exactly those of
    ``EfficientNet``. ``fit`` trains it like any other network, with checkpoints that resume, in one process.

    Batch norms share their running statistics too, so these mix all the networks that were drawn; a child is
    meant to be recalibrated, as ``children_accuracy`` does. A tensor that a path uses in part has gradient 0
    elsewhere, which an optimizer with momentum or weight decay still moves; one that it does not use has none.

    Parameters
    ----------
    space : SearchSpace

    Attributes
    ----------
    path : tuple of int
        The genotype that was used last; in evaluation mode, the one that is used. At first the space's first.

    Raises
    ------
    ValueError
        If ``space`` is no SearchSpace.
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        if not isinstance(space, SearchSpace):
            raise ValueError(f"space must be a SearchSpace, as tabular_space() is, got {space!r}")
        self.space = space
        self.path: Genotype = (0,) * len(space.sizes)
        self.shared = nn.Module()
        for arch in largest_networks(space):
            network = EfficientNet(arch)
            for name, parameter in network.named_parameters():
                if not hasattr(self.shared, key := shared_name(name, arch)):
                    self.shared.register_parameter(key, parameter)
            for name, buffer in network.named_buffers():
                if not hasattr(self.shared, key := shared_name(name, arch)):
                    self.shared.register_buffer(key, buffer)

    def sample(self) -> Genotype:
        """A network drawn uniformly, from torch's random state, as dropout draws."""
        return tuple(int(torch.randint(size, ())) if size > 1 else 0 for size in self.space.sizes)

    def slices(self, genotype: Genotype) -> dict[str, Tensor]:
        """The tensors of one network, by their names in ``EfficientNet``: views of the shared ones.

        Writing into them writes into the supernet, and gradients flow through them into it.
        """
        return self._slices(_skeleton(self.space.arch(genotype)))

    def _slices(self, skeleton: EfficientNet) -> dict[str, Tensor]:
        found = {}
        for name, tensor in [*skeleton.named_parameters(), *skeleton.named_buffers()]:
            whole = getattr(self.shared, shared_name(name, skeleton.arch))
            found[name] = whole[tuple(slice(n) for n in tensor.shape)]
        return found

    def forward(self, x: Tensor, genotype: Genotype | None = None) -> Tensor:
        """(N, in_channels, H, W) to logits, (N, classes), of one network.

        Without ``genotype``: in training mode of one that ``sample`` draws, in evaluation mode of ``path``.

        Raises
        ------
        ValueError
            If ``genotype`` is no point of the space, or ``x`` does not fit the network.
        """
        if genotype is None:
            genotype = self.sample() if self.training else self.path
        self.path = self.space.check(genotype)
        skeleton = _skeleton(self.space.arch(self.path)).train(self.training)
        return functional_call(skeleton, self._slices(skeleton), (x,))

    def child(self, genotype: Genotype) -> EfficientNet:
        """One network on its own, with a copy of its weights and of the shared running statistics.

        Raises
        ------
        ValueError
            If ``genotype`` is no point of the space.
        """
        network = copy.deepcopy(_skeleton(self.space.arch(genotype)))
        copies = {name: tensor.detach().clone() for name, tensor in self._slices(network).items()}
        network.load_state_dict(copies, assign=True)
        return network.train(self.training)


def children_accuracy(
    supernet: Supernet, data: ImageData, genotypes: Iterable[Genotype] | None = None, *,
    split: str = "validation", images: int = 1000, tell: Callable[[Genotype, float], None] | None = None,
) -> np.ndarray:  # fmt: skip
    """Accuracy of networks with the supernet's weights, float (networks,): what weight sharing ranks them by.

    Parameters
    ----------
    supernet : Supernet
        Left as it is.
    data : ImageData
    genotypes : iterable of tuple, optional
        All of the space, in its order, if None; mind how many these are.
    split : {"validation", "test", "train"}
        A search may only see "validation".
    images : int
        Training images for every child's batch-norm statistics, as in ``recalibrate``; 0 leaves the shared ones.
    tell : callable, optional
        Called with every genotype and its accuracy.

    Raises
    ------
    ValueError
        If a genotype is no point of the space, or ``images`` is neither 0 nor what ``recalibrate`` takes.
    """
    found = []
    for genotype in supernet.space if genotypes is None else genotypes:
        child = supernet.child(genotype)
        if images:
            recalibrate(child, data, images)
        found.append(split_accuracy(child, data, split))
        if tell is not None:
            tell(genotype, found[-1])
    return np.array(found)
