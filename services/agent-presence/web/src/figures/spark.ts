// The points of a small line chart: the newest sample at the right edge, the highest at the top, but a scale of at
// least `least`, so that one waiting contact does not look like a crisis.

export interface Box {
  readonly width: number;
  readonly height: number;
  readonly samples: number; // that the width has room for
  readonly least: number;
}

export function line(values: readonly number[], box: Box): string {
  const top = Math.max(box.least, ...values);
  const step = box.width / (box.samples - 1);
  const shown = values.slice(-box.samples);
  return shown
    .map((v, i) => {
      const x = box.width - (shown.length - 1 - i) * step;
      const y = box.height - (v / top) * box.height;
      return `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}

// The same, closed along the bottom.
export function area(values: readonly number[], box: Box): string {
  const path = line(values, box);
  if (!path) return "";
  const left = box.width - (Math.min(values.length, box.samples) - 1) * (box.width / (box.samples - 1));
  return `${path}L${box.width} ${box.height}L${left.toFixed(1)} ${box.height}Z`;
}
