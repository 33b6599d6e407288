const barWidth = 30;

/** A progress bar on standard error; nothing when that is no terminal. */
export function progressBar(
  unit: string,
  stream: NodeJS.WriteStream = process.stderr,
): { readonly show: (done: number, total: number) => void; readonly end: () => void } {
  let shown = -1;
  const show = (done: number, total: number): void => {
    const percent = total === 0 ? 100 : Math.floor(Math.min(1, done / total) * 100);
    // A terminal is slow: once for each percent.
    if (!stream.isTTY || percent === shown) return;
    shown = percent;
    const bar = '█'.repeat(Math.floor((percent * barWidth) / 100)).padEnd(barWidth, '░');
    stream.write(`\r${bar} ${String(percent).padStart(3)} % of ${total} ${unit}`);
  };
  const end = (): void => {
    if (shown >= 0) stream.write('\n');
  };
  return { show, end };
}
