import type { Prng } from '../../support/prng.js';
import { formatNdjson, parseNdjson } from '../../support/parsers/ndjson.js';

/** An identity that a response named, and its subject. */
export interface Acknowledged {
  readonly subject: string;
  readonly communicationUserId: string;
}

interface Known {
  readonly id: string;
  readonly subject: string;
}

/** Random requests of an administrator about a small, growing set of subjects. */
export class IdentityTraffic {
  readonly acknowledged: Acknowledged[] = [];
  /** Ids of mappings whose deletion a response confirmed. */
  readonly deleted = new Set<string>();
  /** Ids of mappings that an import acknowledged. */
  readonly imported = new Set<string>();
  /** Linked identities, which the emulator does not know. */
  readonly linked = new Set<string>();
  /** Number of requests that were answered. */
  answered = 0;
  readonly #known: Known[] = [];
  #subjects = 0;

  constructor(
    private readonly token: string,
    private readonly prng: Prng,
  ) {}

  /** Sends creations until one succeeds: a new process reads keys and secrets on its first requests. */
  async warmUp(url: string): Promise<void> {
    const target = this.acknowledged.length + 1;
    for (let attempt = 0; attempt < 10 && this.acknowledged.length < target; attempt += 1) {
      await this.#create(url);
    }
  }

  /** Sends one random request. Never rejects, since the process may be killed meanwhile. */
  async send(url: string): Promise<void> {
    const choice = this.prng.next();
    const target = this.#known[this.prng.below(this.#known.length)];
    try {
      if (choice < 0.4 || !target) await this.#create(url);
      else if (choice < 0.55) await this.#delete(url, target);
      else if (choice < 0.7) await this.#change(url, target, 'suspended');
      else if (choice < 0.8) await this.#change(url, target, 'active');
      else if (choice < 0.85) await this.#erase(url, target);
      else await this.#import(url, choice < 0.93);
      this.answered += 1;
    } catch {
      // The process was killed. What it stored is checked at the end.
    }
  }

  #subject(): string {
    // Half of the requests are for known subjects.
    if (this.#subjects > 0 && this.prng.next() < 0.5) {
      return `person-${this.prng.below(this.#subjects)}`;
    }
    this.#subjects += 1;
    return `person-${this.#subjects - 1}`;
  }

  async #create(url: string): Promise<void> {
    const subject = this.#subject();
    const answer = await this.#call(url, 'POST', '', { kind: 'user', subject });
    if (!answer.ok) return;
    this.#remember((await answer.json()) as Known & { communicationUserId: string });
  }

  async #change(url: string, { id }: Known, status: string): Promise<void> {
    await (await this.#call(url, 'PATCH', `/${id}`, { status })).arrayBuffer();
  }

  async #delete(url: string, { id }: Known): Promise<void> {
    const answer = await this.#call(url, 'DELETE', `/${id}`);
    await answer.arrayBuffer();
    if (answer.status === 200) this.deleted.add(id);
  }

  async #erase(url: string, { subject }: Known): Promise<void> {
    await (await this.#call(url, 'POST', '/erase', { subject })).arrayBuffer();
  }

  async #import(url: string, isProvisioning: boolean): Promise<void> {
    const lines = Array.from({ length: 6 }, () => {
      const subject = this.#subject();
      if (isProvisioning || this.prng.next() < 0.5) return { subject };
      const communicationUserId = this.#foreignId();
      this.linked.add(communicationUserId);
      return { subject, communicationUserId };
    });
    const answer = await fetch(`${url}/v1/identities/import?provision=${isProvisioning}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/x-ndjson' },
      body: formatNdjson(lines),
    });
    if (!answer.ok) return;
    for (const result of parseNdjson<ImportedLine>(await answer.text())) {
      const { line, outcome, id, communicationUserId } = result;
      const subject = lines[(line ?? 0) - 1]?.subject;
      if (!id || !subject || outcome === 'failed') continue;
      this.imported.add(id);
      if (communicationUserId) this.#remember({ id, subject, communicationUserId });
    }
  }

  #remember({ id, subject, communicationUserId }: Known & { communicationUserId: string }): void {
    this.acknowledged.push({ subject, communicationUserId });
    this.#known.push({ id, subject });
  }

  #foreignId(): string {
    const digits = (): string =>
      this.prng
        .below(2 ** 32)

        .toString(16)
        .padStart(8, '0');
    return `8:acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001_${digits()}-0000-4000-8000-0000${digits()}`;
  }

  async #call(url: string, method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${url}/v1/identities${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  }
}

interface ImportedLine {
  readonly line?: number;
  readonly outcome?: string;
  readonly id?: string;
  readonly communicationUserId?: string;
}
