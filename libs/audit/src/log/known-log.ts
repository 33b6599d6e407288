import {
  hashLeaf,
  type NoteSigner,
  signCheckpoint,
  type TreeFrontier,
} from '#libs/transparency-log';
import type { EncodedEntry } from '../entry/encode-entry.js';
import {
  type Addition,
  fingerprintKeys,
  type KnownKeys,
  type LogHead,
} from '../postgres/append-statements.js';
import { bufferOf, type LogQuery } from '../postgres/log-queries.js';
import type { CheckpointSigners } from './checkpoint-signers.js';
import { FrontierCache } from './frontier-cache.js';
import type { LogOrigin } from './log-origin.js';

/** What one process knows of the log between its appends, and the head that it would add next. */
export class KnownLog {
  readonly #cache = new FrontierCache();
  readonly #fingerprintKeys = new Set<string>();
  #signingKeys: readonly string[] | undefined;
  /** The name of the log after the newest head that this process has read. */
  #origin: string;
  /** Read before the lock, so that Key Vault does not prolong it. */
  #signers: readonly NoteSigner[] = [];

  constructor(
    private readonly signers: CheckpointSigners,
    private readonly origins: LogOrigin,
    origin: string,
  ) {
    this.#origin = origin;
  }

  /** The head that this process has read or committed last; `undefined` before the first one. */
  get head(): FrontierCache['known'] {
    return this.#cache.known;
  }

  /** The keys that need no row with the next head. */
  get keys(): KnownKeys {
    return { fingerprint: this.#fingerprintKeys, signing: this.#signingKeys };
  }

  /** Reads the signers of the next checkpoints. */
  async readSigners(): Promise<void> {
    this.#signers = await this.signers.current(this.#origin);
  }

  /** The next head may follow one of another process, which may have other signing keys. */
  forgetSigningKeys(): void {
    this.#signingKeys = undefined;
  }

  /** Another process may have continued the log under another name. @throws LogOriginDiffers */
  async follow(checkpoint: string | undefined, query: LogQuery): Promise<void> {
    const origin = await this.origins.after(checkpoint, query, this.#origin);
    if (origin === this.#origin) return;
    this.#origin = origin;
    this.#signers = await this.signers.current(origin);
  }

  /** As `FrontierCache.frontierAt`. @throws LogDamaged */
  async frontierAt(
    head: LogHead | undefined,
    query: LogQuery,
    followed?: Buffer,
  ): Promise<TreeFrontier> {
    return this.#cache.frontierAt(head, query, followed);
  }

  /** The entries with the head and the signed checkpoint that they lead to. */
  additionOf(entries: readonly EncodedEntry[], frontier: TreeFrontier): Addition {
    const leafHashes = entries.map(({ leaf }) => hashLeaf(leaf));
    const appended = frontier.append(leafHashes);
    const root = bufferOf(appended.frontier.root());
    const origin = this.#origin;
    const signers = this.#signers;
    const checkpoint = signCheckpoint({ origin, size: appended.frontier.size, root }, signers);
    const signingKeys = signers.map(({ verifier }) => verifier.toString()).sort();
    return {
      fromSize: frontier.size,
      entries,
      leafHashes,
      appended,
      root,
      checkpoint,
      signingKeys,
    };
  }

  /** Remembers what was committed. */
  remember(addition: Addition): void {
    const { appended, root, entries } = addition;
    const recordedAtMs = entries.at(-1)?.recordedAtMs ?? 0;
    this.#cache.remember({ frontier: appended.frontier, root, recordedAtMs });
    for (const key of fingerprintKeys(addition).keys()) this.#fingerprintKeys.add(key);
    this.#signingKeys = addition.signingKeys;
  }
}
