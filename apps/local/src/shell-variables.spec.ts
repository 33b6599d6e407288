import { describe, expect, it } from 'vitest';
import { choicesOf, ignoredNames, settingsIn } from './shell-variables.js';

const variables = {
  AUDIT_LOG_ORIGIN: 'localhost/acs-identity',
  AUDIT_CHECKPOINT_FILE: '/project/.local/audit-checkpoint',
  KEY_VAULT_URL: 'https://127.0.0.1:3443',
  DATABASE_URL: 'postgres://service@127.0.0.1:3446/acs_identity',
  PORT: '3000',
};

describe('variables of the shell', () => {
  it('replace the name of the log and other choices of the local environment, also by nothing', () => {
    const shell = {
      AUDIT_LOG_ORIGIN: 'localhost/restored',
      AUDIT_CHECKPOINT_FILE: '',
      PATH: '/bin',
    };
    expect(choicesOf(shell, variables)).toEqual({
      AUDIT_LOG_ORIGIN: 'localhost/restored',
      AUDIT_CHECKPOINT_FILE: '',
    });
    expect(ignoredNames(shell, variables)).toEqual([]);
  });

  it('that are settings of the api are those of commands too', () => {
    const shell = { AUDIT_SINKS_FILE: 'sinks.yaml', PATH: '/bin' };
    expect(settingsIn(shell, ['AUDIT_SINKS_FILE', 'POLICY_FILE'])).toEqual({
      AUDIT_SINKS_FILE: 'sinks.yaml',
    });
  });

  it('are named when they have no effect', () => {
    const shell = { KEY_VAULT_URL: 'https://vault.test', DATABASE_URL: 'postgres://owner@db/own' };
    expect(choicesOf(shell, variables)).toEqual({});
    expect(ignoredNames(shell, variables)).toEqual(['KEY_VAULT_URL']);
  });

  it('that are those of the last start are neither', () => {
    expect(ignoredNames(variables, variables)).toEqual([]);
    expect(ignoredNames({ KEY_VAULT_URL: '' }, variables)).toEqual([]);
  });
});
