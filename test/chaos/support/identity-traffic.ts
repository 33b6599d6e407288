/** What the service acknowledged. */
export interface Acknowledged {
  readonly subject: string;
  readonly communicationUserId: string;
}

interface Known {
  readonly id: string;
  readonly subject: string;
}

/** Administrators at work: random requests about a small, growing set of people. */
export class IdentityTraffic {
  /** Identities that an answer named, each with whom it belongs to. */
  readonly acknowledged: Acknowledged[] = [];
  /** Ids of mappings whose deletion was confirmed to the caller. */
  readonly deleted = new Set<string>();
  /** Subjects that an import acknowledged. */
  readonly imported = new Set<string>();
  /** Identities that were linked and that the emulator does not know. */
  readonly linked = new Set<string>();
  answered = 0;
  readonly #known: Known[] = [];
  #people = 0;

  constructor(
    private readonly token: string,
    private readonly dice: () => number,
  ) {}

  /** Creates until one is created: a new process reads keys and secrets before it works at speed. */
  async warmUp(url: string): Promise<void> {
    const until = this.acknowledged.length + 1;
    for (let attempt = 0; attempt < 10 && this.acknowledged.length < until; attempt += 1) {
      await this.#create(url);
    }
  }

  /** Sends one random request. Never rejects: a killed process answers nobody. */
  async send(url: string): Promise<void> {
    const choice = this.dice();
    const target = this.#known[Math.floor(this.dice() * this.#known.length)];
    try {
      if (choice < 0.4 || !target) await this.#create(url);
      else if (choice < 0.55) await this.#delete(url, target);
      else if (choice < 0.7) await this.#change(url, target, 'suspended');
      else if (choice < 0.8) await this.#change(url, target, 'active');
      else if (choice < 0.85) await this.#erase(url, target);
      else await this.#import(url, choice < 0.93);
      this.answered += 1;
    } catch {
      // The process was killed under it; what it did is judged at the end.
    }
  }

  #subject(): string {
    // Half of the people were asked for before.
    if (this.#people > 0 && this.dice() < 0.5) {
      return `person-${Math.floor(this.dice() * this.#people)}`;
    }
    this.#people += 1;
    return `person-${this.#people - 1}`;
  }

  async #create(url: string): Promise<void> {
    const subject = this.#subject();
    const answer = await this.#call(url, 'POST', '', { kind: 'user', subject });
    if (!answer.ok) return;
    this.#learn((await answer.json()) as Known & { communicationUserId: string });
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
      if (isProvisioning || this.dice() < 0.5) return { subject };
      const communicationUserId = this.#foreignId();
      this.linked.add(communicationUserId);
      return { subject, communicationUserId };
    });
    const answer = await fetch(`${url}/v1/identities/import?provision=${isProvisioning}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/x-ndjson' },
      body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    });
    if (!answer.ok) return;
    const results = (await answer.text()).split('\n').filter((line) => line !== '');
    for (const result of results.map((text) => JSON.parse(text) as ImportedLine)) {
      const { line, outcome, id, communicationUserId } = result;
      const subject = lines[(line ?? 0) - 1]?.subject;
      if (!id || !subject || outcome === 'failed') continue;
      this.imported.add(id);
      if (communicationUserId) this.#learn({ id, subject, communicationUserId });
    }
  }

  #learn({ id, subject, communicationUserId }: Known & { communicationUserId: string }): void {
    this.acknowledged.push({ subject, communicationUserId });
    this.#known.push({ id, subject });
  }

  #foreignId(): string {
    const digits = (): string =>
      Math.floor(this.dice() * 2 ** 32)
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
