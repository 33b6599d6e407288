import { describe, expect, it } from 'vitest';
import { misspelledNames } from './misspelled-names.js';

const KNOWN = ['DATABASE_URL', 'DATABASE_TIMEOUT_MS', 'LOG_LEVEL', 'AZURE_CREDENTIAL', 'PORT'];

function misspelled(name: string, otherNames: string[] = []): string[] {
  return misspelledNames([name], KNOWN, otherNames).map(({ name: found }) => found);
}

describe('misspelledNames', () => {
  it.each([
    ['a missing character', 'DATABSE_URL'],
    ['a further character', 'DATABASE_URLS'],
    ['another character', 'DATABASE_URI'],
    ['two swapped characters', 'LOG_LEVLE'],
    ['a misspelled first word', 'DATBASE_TIMEOUT_MS'],
    ['two wrong characters', 'LOGG_LEVELS'],
  ])('finds a name with %s', (_what, name) => {
    expect(misspelled(name)).toEqual([name]);
  });

  it('says which names are meant', () => {
    expect(misspelledNames(['DATABASE_ULR'], KNOWN, [])).toEqual([
      { name: 'DATABASE_ULR', similar: ['DATABASE_URL'] },
    ]);
  });

  it.each([
    ['the known ones', 'DATABASE_URL'],
    ['more than two wrong characters', 'DATABASE_OWNER_URL'],
    ['the same first word only', 'LOG_FORMAT'],
    ['no underscore', 'HOST'],
    ['the names of the Azure SDK', 'AZURE_CREDENTIALS'],
    ['other programs', 'TERM_PROGRAM'],
  ])('passes %s', (_what, name) => {
    expect(misspelled(name)).toEqual([]);
  });

  it.each([
    'DATABASE_SERVICE_HOST',
    'DATABASE_SERVICE_PORT',
    'DATABASE_SERVICE_PORT_SQL',
    'DATABASE_PORT',
    'DATABASE_PORT_5432_TCP',
    'DATABASE_PORT_5432_TCP_PROTO',
    'DATABASE_PORT_5432_TCP_PORT',
    'DATABASE_PORT_5432_TCP_ADDR',
  ])('passes what Kubernetes sets: %s', (name) => {
    expect(misspelledNames([name], [...KNOWN, `${name}S`], [])).toEqual([]);
  });

  it('passes the names that the caller lists, however near they are', () => {
    expect(misspelled('DATABASE_URI', ['DATABASE_URI'])).toEqual([]);
  });
});
