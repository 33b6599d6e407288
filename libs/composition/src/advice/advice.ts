/** What is wrong with a setting although the service can start with it. */
export interface Advice {
  readonly code:
    | 'authorities-file-unusable'
    | 'checkpoint-file-not-writable'
    | 'checkpoint-file-unreadable'
    | 'database-not-encrypted'
    | 'log-origin-with-scheme'
    | 'telemetry-endpoint-wrong';
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/** Advice as a sentence for logs and terminals. */
export function sentenceOf({ variable, problem, fix }: Advice): string {
  return `${variable} ${problem}: ${fix}.`;
}
