/** A line of `GET /v1/audit/follow`: an entry, or where to continue. */
export interface FollowedLine {
  readonly index?: number;
  readonly entry?: { readonly id: string; readonly action: string };
  readonly afterIndex?: number;
}

/** Reads a stream that does not end until enough is there, and hangs up. */
export async function followedLines(
  { body }: Response,
  isEnough: (lines: readonly FollowedLine[]) => boolean,
): Promise<FollowedLine[]> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = text.split('\n').slice(0, -1);
    const values = lines.map((line) => JSON.parse(line) as FollowedLine);
    if (isEnough(values)) return values;
  }
  throw new Error(`the stream ended after ${text}`);
}

/** What comes at once: two pages, of which the second has the entry of the reading itself. */
export function hasTwoPages(lines: readonly FollowedLine[]): boolean {
  return lines.filter(({ afterIndex }) => afterIndex !== undefined).length > 1;
}
