import { z } from 'zod';
import { SinkFailure, type SinkRecord } from '../delivery/sink.js';
import type { AppendPlace, BlobContainer } from './blob-container.js';

/** Where each format has the index and the id of an entry. */
const lineSchema = z.union([
  z
    .object({ index: z.int(), entry: z.object({ id: z.string() }) })
    .transform(({ index, entry }) => ({ index, id: entry.id })),
  z
    .object({ event: z.object({ sequence: z.int(), id: z.string() }) })
    .transform(({ event }) => ({ index: event.sequence, id: event.id })),
  z
    .object({ metadata: z.object({ sequence: z.int(), uid: z.string() }) })
    .transform(({ metadata }) => ({ index: metadata.sequence, id: metadata.uid })),
]);

type Line = z.infer<typeof lineSchema>;

/**
 * The entries that the append blobs of one hour have. They are read from the end, as far as somebody looks for
 * them, and each byte once. An entry is recognised by its id alone: after a restore, other entries have the
 * same indexes.
 */
export class ArchivedLines {
  readonly #ids = new Set<string>();
  /** What was not read yet: the last one is read next, up to its size. */
  readonly #unread: AppendPlace[];
  /** Of the last line; `null` when the service did not write it. */
  #lastIndex: number | null | undefined;

  /**
   * @param parts all blobs of the hour, oldest first
   * @param chunkBytes of one reading; longer lines are not recognised
   */
  constructor(
    private readonly container: BlobContainer,
    private readonly parts: readonly AppendPlace[],
    private readonly chunkBytes: number,
  ) {
    this.#unread = parts.filter(({ size }) => size > 0);
  }

  /** Whether nothing was appended since these blobs were found. */
  isOf(parts: readonly AppendPlace[]): boolean {
    const [own, found] = [this.parts.at(-1), parts.at(-1)];
    return own?.name === found?.name && own?.size === found?.size;
  }

  /**
   * The records that no line has. Those behind the last line are not looked for: a log is appended in order.
   *
   * @throws SinkFailure also when the last line is of none of the formats
   */
  async missing(
    records: readonly SinkRecord[],
    signal: AbortSignal,
  ): Promise<readonly SinkRecord[]> {
    const lastIndex = await this.#readLastIndex(signal);
    const isMissing = ({ id }: SinkRecord): boolean => !this.#ids.has(id);
    const sought = records.filter(({ index }) => index <= lastIndex);
    while (this.#unread.length > 0 && sought.some(isMissing)) await this.#readBack(signal);
    return records.filter(isMissing);
  }

  /** @returns -1 when there is no line */
  async #readLastIndex(signal: AbortSignal): Promise<number> {
    const place = this.parts.findLast(({ size }) => size > 0);
    if (!place) return -1;
    this.#lastIndex ??= (await this.#readBack(signal)).at(-1)?.index ?? null;
    if (this.#lastIndex !== null) return this.#lastIndex;
    throw new SinkFailure('refused', `${place.name} ends with a line of something else`);
  }

  /** @returns the lines before what was read so far; `undefined` for one that the service did not write */
  async #readBack(signal: AbortSignal): Promise<(Line | undefined)[]> {
    const place = this.#unread.at(-1);
    if (!place) return [];
    const text = await this.container.tail(place, this.chunkBytes, signal);
    this.#unread.pop();
    const rest = place.size - this.chunkBytes;
    // The first line may be cut. The next reading has all of it, unless it fills this one.
    const start = rest <= 0 ? 0 : text.indexOf('\n') + 1 || text.length;
    const whole = text.slice(start);
    const readBytes = Buffer.byteLength(whole) || this.chunkBytes;
    if (rest > 0) this.#unread.push({ name: place.name, size: place.size - readBytes });
    const lines = whole.trimEnd().split('\n').map(lineOf);
    for (const line of lines) if (line) this.#ids.add(line.id);
    return lines;
  }
}

function lineOf(line: string): Line | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
