import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { identitiesPart, type CompositionOptions } from '#libs/composition';
import { IdentityImport, type ImportSummary } from '#libs/identity-mapping';
import { canonicalName } from '#libs/platform';
import { progressBar } from '../progress-bar.js';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';

export interface ImportOptions extends OperatorOptions {
  readonly tenant: string;
  readonly provision?: true;
}

/** Imports a file and prints each line that failed. */
export async function importIdentities(
  file: string,
  options: ImportOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { lines, created, unchanged, failed, isComplete } = await imported(
    file,
    options,
    composition,
  );
  console.log(`${lines} lines: ${created} created, ${unchanged} unchanged, ${failed} failed.`);
  if (!isComplete) console.error('An outage ended the import early. Import the file again.');
  if (failed > 0) process.exitCode = 1;
}

async function imported(
  file: string,
  options: ImportOptions,
  composition: CompositionOptions,
): Promise<ImportSummary> {
  const { tenant, provision = false, databaseUrl } = options;
  const sizeBytes = (await stat(file)).size;
  return withPart(identitiesPart, databaseUrl, composition, async (service) => {
    const bar = progressBar('bytes');
    const results = await service.get(IdentityImport).run({
      chunks: chunksOf(file, (doneBytes) => {
        bar.show(doneBytes, sizeBytes);
      }),
      tenant: canonicalName(tenant),
      isAnyTenant: true,
      isProvisioning: provision,
      ...operatorCall(options),
    });
    for (;;) {
      const next = await results.next();
      if (next.done) {
        bar.end();
        return next.value;
      }
      const { line, error } = next.value;
      if (error) console.error(`line ${line}: ${error.code}: ${error.detail}`);
    }
  });
}

async function* chunksOf(
  file: string,
  onProgress: (doneBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    yield chunk;
    doneBytes += chunk.length;
    onProgress(doneBytes);
  }
}
