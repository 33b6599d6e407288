import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { identitiesPart, type CompositionOptions } from '#libs/composition';
import { IdentityExport } from '#libs/identity-mapping';
import { canonicalName } from '#libs/platform';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';

export interface ExportOptions extends OperatorOptions {
  readonly tenant?: string;
  readonly output?: string;
}

/** Writes identities as lines of JSON. */
export async function exportIdentities(
  options: ExportOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { output, databaseUrl } = options;
  const tenant = options.tenant === undefined ? undefined : canonicalName(options.tenant);
  await withPart(identitiesPart, databaseUrl, composition, async (service) => {
    const exported = await service.get(IdentityExport).run(tenant, operatorCall(options));
    let count = 0;
    const lines = Readable.from(
      asText(exported, () => {
        count += 1;
      }),
    );
    if (output === undefined) await pipeline(lines, process.stdout, { end: false });
    // Names and identities of people: readable by the operator only.
    else await pipeline(lines, createWriteStream(output, { flags: 'wx', mode: 0o600 }));
    // A mistyped tenant has none, which an empty file does not show.
    console.error(`${count} identities exported.`);
  });
}

async function* asText(lines: AsyncIterable<object>, onLine: () => void): AsyncGenerator<string> {
  for await (const line of lines) {
    yield `${JSON.stringify(line)}\n`;
    onLine();
  }
}
