import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export interface PolicyFile {
  readonly path: string;
  write(text: string): void;
}

/** Writes a policy file for the service of one spec file. It is removed after the specs. */
export function policyFile(text: string): PolicyFile {
  const directory = mkdtempSync(join(tmpdir(), 'acs-identity-policy-'));
  const path = join(directory, 'policy.yaml');
  const write = (content: string): void => {
    writeFileSync(path, content);
  };
  write(text);
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });
  return { path, write };
}
