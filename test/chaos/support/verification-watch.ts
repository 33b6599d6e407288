import type { Service } from '../../support/service.js';

interface Finding {
  readonly part: string;
  readonly detail: string;
}

/** What every replica says of the background verification: metrics, readiness and log. */
export class VerificationWatch {
  #readLines = 0;
  /** Since `forget`. */
  readonly findings: Finding[] = [];

  constructor(private readonly service: Service) {}

  forget(): void {
    this.#readLines = this.service.logLines.length;
    this.findings.length = 0;
  }

  /** Reads the lines that have been logged since. */
  read(): void {
    for (const line of this.service.logLines.slice(this.#readLines)) {
      if (line.includes('"damage found"')) this.findings.push(JSON.parse(line) as Finding);
    }
    this.#readLines = this.service.logLines.length;
  }

  /** The parts that every replica counts findings of, while its readiness is degraded. */
  async degradedParts(): Promise<Set<string>> {
    const [first = new Set<string>(), ...others] = await Promise.all(
      this.service.apis.map(async ({ url }) => {
        const { parts } = (await (await fetch(`${url}/health/ready`)).json()) as {
          parts: Record<string, string>;
        };
        if (parts.verification !== 'degraded') return new Set<string>();
        const text = await (await fetch(`${url}/metrics`)).text();
        const counted = text.matchAll(/^audit_verification_findings\{part="(\w+)"\} [1-9]/gm);
        return new Set([...counted].map(([, part = '']) => part));
      }),
    );
    return new Set([...first].filter((part) => others.every((parts) => parts.has(part))));
  }

  /** Whether no replica counts a finding, and none is degraded by one or late. */
  async isWhole(): Promise<boolean> {
    const answers = await Promise.all(
      this.service.apis.map(async ({ url }) => (await fetch(`${url}/health/ready`)).json()),
    );
    return (answers as { parts: Record<string, string> }[]).every(
      ({ parts }) => parts.verification === 'ready',
    );
  }
}
