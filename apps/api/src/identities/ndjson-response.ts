/** The longest piece that is written at once, in characters: many short lines make few writes. */
const PIECE = 16 * 1024;

/**
 * Turns values into lines of JSON; what the generator returns becomes the last line, `{"summary": …}`.
 *
 * @param isWanted whether a value gets a line; default all
 */
export async function* linesOf<Value, Summary>(
  values: AsyncGenerator<Value, Summary>,
  isWanted: (value: Value) => boolean = () => true,
): AsyncGenerator<string> {
  let piece = '';
  try {
    for (;;) {
      const next = await values.next();
      if (next.done) {
        if (next.value !== undefined) piece += `${JSON.stringify({ summary: next.value })}\n`;
        if (piece !== '') yield piece;
        return;
      }
      if (!isWanted(next.value)) continue;
      piece += `${JSON.stringify(next.value)}\n`;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = '';
    }
  } finally {
    // The caller may have hung up in the middle.
    await values.return(undefined as Summary); // nobody reads it any more
  }
}
