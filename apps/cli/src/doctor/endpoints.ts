import { type Clock, errorCode, explain, type OutboundHttp, ProxyFailure } from '#libs/platform';
import { clockFindings } from './clock-finding.js';
import { type Finding, finding } from './findings.js';
import { probeEndpoint } from './probe-endpoint.js';
import type { Check, CheckReport } from './run-checks.js';

const EXPIRES_SOON_MS = 14 * 86_400_000;
const UNTRUSTED = /CERT|^UNABLE_TO_|SELF_SIGNED/;

interface Reached {
  readonly isReachable: boolean;
  readonly report: CheckReport;
}

export interface EndpointDependencies {
  readonly outbound: OutboundHttp;
  readonly clock: Clock;
  readonly toleranceMs: number;
}

/** The HTTP servers that the service calls. Each is probed once; what depends on it waits for the result. */
export class Endpoints {
  readonly #probes = new Map<string, PromiseWithResolvers<Reached>>();

  /** @param origins of the servers */
  constructor(
    origins: readonly string[],
    private readonly dependencies: EndpointDependencies,
  ) {
    for (const origin of origins) this.#probes.set(origin, Promise.withResolvers());
  }

  /** @returns whether an HTTP server answers there, over TLS one that this process trusts; true for unknown origins */
  async isReachable(url: string): Promise<boolean> {
    const probe = this.#probes.get(new URL(url).origin);
    return probe === undefined || (await probe.promise).isReachable;
  }

  checks(): Check[] {
    return [...this.#probes].map(([origin, probe]) => ({
      name: `server ${new URL(origin).host}`,
      run: async (signal) => {
        // Those that wait must not wait for ever.
        signal.addEventListener('abort', () => {
          probe.resolve({ isReachable: false, report: { findings: [] } });
        });
        const reached = await this.#reach(origin, signal);
        probe.resolve(reached);
        return reached.report;
      },
    }));
  }

  async #reach(origin: string, signal: AbortSignal): Promise<Reached> {
    const { clock, outbound, toleranceMs } = this.dependencies;
    const { host } = new URL(origin);
    try {
      const probe = await probeEndpoint(origin, { clock, outbound, signal });
      const { certificateExpiresAt: expiresAt } = probe;
      const expires = expiresAt ? expiryFindings(host, expiresAt, clock.now()) : [];
      const off = probe.clock ? clockFindings(host, probe.clock, toleranceMs) : [];
      const note = expiresAt
        ? `certificate until ${expiresAt.toISOString().slice(0, 10)}`
        : 'answers without TLS';
      return { isReachable: true, report: { findings: [...expires, ...off], note } };
    } catch (error) {
      return { isReachable: false, report: { findings: [failureFinding(host, error)] } };
    }
  }
}

/** @param owner of the certificate */
export function expiryFindings(owner: string, expiresAt: Date, nowMs: number): Finding[] {
  const leftMs = expiresAt.getTime() - nowMs;
  if (Number.isNaN(leftMs) || leftMs > EXPIRES_SOON_MS) return [];
  const verb = leftMs > 0 ? 'expires' : 'has expired';
  return [finding('certificate-expires', owner, `it ${verb}: ${expiresAt.toISOString()}`)];
}

function failureFinding(host: string, error: unknown): Finding {
  const proxy = ProxyFailure.among(error);
  if (proxy) return finding('proxy-unusable', host, proxy.message);
  const code = codeOf(error);
  const detail = code ?? explain(error);
  if (code === 'CERT_HAS_EXPIRED') return finding('certificate-expires', host, 'it has expired');
  if (code !== undefined && UNTRUSTED.test(code))
    return finding('certificate-untrusted', host, detail);
  return finding('endpoint-unreachable', host, detail);
}

function codeOf(error: unknown): string | undefined {
  return errorCode(error instanceof AggregateError ? error.errors[0] : error);
}
