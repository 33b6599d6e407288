import { type FileHandle, open } from 'node:fs/promises';

const BLOCK_BYTES = 65_536;
const LINE_BREAK = 0x0a;

/** A file of whole lines that runs append to: what a failed or stopped write left of a line is removed. */
export class LineFile {
  readonly #file: FileHandle;
  #length: number;

  private constructor(file: FileHandle, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens a file, or creates it for its owner only.
   *
   * @param isContinued whether a part of a line at the end is of a run that was stopped within a write, and
   * is written again. It is removed.
   * @throws Error for a part of a line at the end of a file that is not continued
   */
  static async open(path: string, { isContinued }: { isContinued: boolean }): Promise<LineFile> {
    const file = await open(path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      const length = await lengthOfLines(file, size);
      if (length < size) {
        if (!isContinued)
          throw new Error(`${path} ends within a line. Remove it, or name another.`);
        await file.truncate(length);
      }
      return new LineFile(file, length);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Appends whole lines, and resolves once they are on the disk. After an error the file has none of them. */
  async append(lines: string): Promise<void> {
    try {
      await this.#file.appendFile(lines);
      await this.#file.datasync();
    } catch (error) {
      // The error of the write says what is wrong; the next run removes what can't be removed now.
      await this.#file.truncate(this.#length).catch(() => undefined);
      throw error;
    }
    this.#length += Buffer.byteLength(lines);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The length up to the last line break. */
async function lengthOfLines(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(LINE_BREAK);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}
