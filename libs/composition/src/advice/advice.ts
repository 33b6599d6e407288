/** What is wrong with a setting although the service can start with it. */
export interface Advice {
  readonly code:
    | 'authorities-file-unusable'
    | 'checkpoint-file-not-writable'
    | 'checkpoint-file-unreadable'
    | 'client-address-header-unused'
    | 'database-not-encrypted'
    | 'home-tenant-not-accepted'
    | 'log-origin-unfit'
    | 'log-origin-with-scheme'
    | 'protection-off'
    | 'secret-shared'
    | 'telemetry-endpoint-wrong'
    | 'telemetry-sampling-wrong'
    | 'telemetry-setting-unusable';
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/** Advice as a sentence for logs and terminals. */
export function sentenceOf({ variable, problem, fix }: Advice): string {
  return `${variable} ${problem}: ${fix}.`;
}
