// SearchSpace.arch in JavaScript: the network of a genotype. space: {base, dimensions, divisor} of space_columns.
import { roundChannels, stageOf } from "./cost.js";

export function archOf(space, genotype) {
  const { base, dimensions, divisor } = space;
  const widened = (channels, factor) => (factor === 1 ? channels : roundChannels(channels * factor, divisor));
  const own = base.stages.map(stageOf);
  const stages = own.map((stage) => ({ ...stage }));
  const ends = { stem: base.stem, head: base.head };
  dimensions.forEach(([field, options, places, everywhere], d) => {
    const option = options[genotype[d]];
    if (field === "width" && everywhere)
      for (const end of Object.keys(ends)) ends[end] = widened(base[end], option);
    places.forEach((i, position) => {
      if (field === "operation") [stages[i].block, stages[i].kernel] = option;
      else if (field === "width") stages[i].channels = widened(own[i].channels, option);
      else stages[i][field] = Array.isArray(option) ? option[position] : option;
    });
  });
  return { ...base, ...ends, stages };
}
