import { setTimeout as wait } from 'node:timers/promises';
import {
  CheckpointNotWitnessed,
  AuditEntryRetired,
  type LogSource,
  type SignedHead,
} from '#libs/audit';
import type { OutboundHttp } from '#libs/platform';
import { parseCheckpoint, parseNote } from '#libs/transparency-log';

const TIMEOUT_MS = 30_000;
/** A bundle of 256 entries has less. */
const MAX_RESPONSE_BYTES = 1 << 26;
const MAX_ATTEMPTS = 10;
const WITNESSED = 'checkpoint/witnessed';

type Answer = Awaited<ReturnType<ReturnType<OutboundHttp['fetch']>>>;

/** The log as a running service serves it (C2SP tlog-tiles). Nothing is verified here. */
export class HttpLog implements LogSource {
  readonly #prefix: string;
  readonly #fetch: ReturnType<OutboundHttp['fetch']>;

  constructor(
    url: string,
    private readonly token: string | undefined,
    outbound: OutboundHttp,
  ) {
    this.#fetch = outbound.fetch({ timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_RESPONSE_BYTES });
    this.#prefix = `${url.replace(/\/+$/, '')}/v1/audit/log/`;
  }

  async checkpoint(): Promise<SignedHead> {
    return this.#checkpointAt('checkpoint');
  }

  /** @throws CheckpointNotWitnessed when there is none */
  async witnessedCheckpoint(): Promise<SignedHead> {
    return this.#checkpointAt(WITNESSED);
  }

  /**
   * @throws AuditEntryRetired for entries that are no longer stored
   * @throws CheckpointNotWitnessed when there is no checkpoint with a quorum
   */
  async resource(path: string): Promise<Buffer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#get(path);
      if (answer.ok) return Buffer.from(await answer.arrayBuffer());
      if (answer.status === 410) throw new AuditEntryRetired();
      if (answer.status === 404 && path === WITNESSED) throw new CheckpointNotWitnessed();
      const isBusy = answer.status === 429 || answer.status === 503;
      if (!isBusy || attempt === MAX_ATTEMPTS) throw await refusal(path, answer);
      await wait(Number(answer.headers.get('retry-after') ?? 1) * 1000 || 1000);
    }
  }

  async #checkpointAt(path: string): Promise<SignedHead> {
    const checkpoint = (await this.resource(path)).toString('utf8');
    return { checkpoint, size: parseCheckpoint(parseNote(checkpoint).text).size };
  }

  async #get(path: string): Promise<Answer> {
    return this.#fetch(this.#prefix + path, {
      ...(this.token !== undefined && { headers: { authorization: `Bearer ${this.token}` } }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }
}

async function refusal(path: string, answer: Answer): Promise<Error> {
  const problem = (await answer.json().catch(() => ({}))) as { type?: string; detail?: string };
  const reason = problem.detail === undefined ? '' : `: ${problem.detail}`;
  return new Error(`${path} was refused with ${answer.status}${reason}`);
}
