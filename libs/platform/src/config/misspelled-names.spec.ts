import { describe, expect, it } from 'vitest';
import { lookalikes, misspelledNames } from './misspelled-names.js';

const KNOWN = [
  'DATABASE_URL',
  'DATABASE_TIMEOUT_MS',
  'LOG_LEVEL',
  'AZURE_CREDENTIAL',
  'PORT',
  'RULES_FILE',
  'SIGNING_KEY_SECRET',
];

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
    ['no underscore', 'DATABASEURL'],
    ['lower-case letters', 'database_url'],
    ['another separator', 'LOG-LEVEL'],
    ['another unit', 'DATABASE_TIMEOUT_SECONDS'],
    ['no unit', 'DATABASE_TIMEOUT'],
    ['no word for a file', 'RULES'],
    ['no word for a secret, in lower-case letters', 'signing_key'],
    ['the name of the product before it', 'ACS_IDENTITY_LOG_LEVEL'],
    ['a misspelled name of ours below AZURE_', 'AZURE_CREDENTAIL'],
  ])('finds a name with %s', (_what, name) => {
    expect(misspelled(name)).toEqual([name]);
  });

  it.each([
    ['the known ones', 'DATABASE_URL'],
    ['more than two wrong characters', 'DATABASE_OWNER_URL'],
    ['the same first word only', 'LOG_FORMAT'],
    ['names that are too short to compare', 'HOST'],
    ['the name of a database', 'DATABASE'],
    ['what CI systems call a credential of Azure', 'AZURE_CREDENTIALS'],
    ['other programs', 'TERM_PROGRAM'],
    ['the copies that App Service makes of settings', 'APPSETTING_DATABASE_URL'],
    ['the setting of another application', 'BILLING_DATABASE_URL'],
  ])('passes %s', (_what, name) => {
    expect(misspelled(name)).toEqual([]);
  });

  it('passes the names that the caller lists, however near they are', () => {
    expect(misspelled('DATABASE_URI', ['DATABASE_URI'])).toEqual([]);
  });
});

describe('lookalikes', () => {
  const known = [
    'MAIL_HOST',
    'MAIL_PORT',
    'MAIL_FROM',
    'LOG_LEVEL',
    'AZURE_A',
    'AZURE_B',
    'AZURE_C',
  ];

  it('finds unknown names of a family, with the known names that they extend or begin', () => {
    expect(lookalikes(['MAIL_HOST', 'MAIL_HOST_FILE', 'MAIL_TO'], known, [])).toEqual([
      { name: 'MAIL_HOST_FILE', similar: ['MAIL_HOST'] },
      { name: 'MAIL_TO', similar: [] },
    ]);
  });

  it('passes first words that are not a family of this service, and names that the caller lists', () => {
    expect(lookalikes(['LOG_FORMAT', 'AZURE_D', 'MAIL_TO'], known, ['MAIL_TO'])).toEqual([]);
  });
});
