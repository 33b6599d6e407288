const BAR_WIDTH = 30;

/** A progress bar on standard error; shows nothing unless that is a terminal. */
export function progressBar(
  unit: string,
  stream: NodeJS.WriteStream = process.stderr,
): { readonly show: (done: number, total: number) => void; readonly end: () => void } {
  let shown = -1;
  const show = (done: number, total: number): void => {
    const percent = total === 0 ? 100 : Math.floor(Math.min(1, done / total) * 100);
    // Writing to a terminal is slow: once for each percent.
    if (!stream.isTTY || percent === shown) return;
    shown = percent;
    const bar = '█'.repeat(Math.floor((percent * BAR_WIDTH) / 100)).padEnd(BAR_WIDTH, '░');
    stream.write(`\r${bar} ${String(percent).padStart(3)} % of ${total} ${unit}`);
  };
  const end = (): void => {
    if (shown >= 0) stream.write('\n');
  };
  return { show, end };
}
