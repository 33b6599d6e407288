import { describe, expect, it } from 'vitest';
import { SecretScanner } from './secret-scanner.js';

describe('SecretScanner', () => {
  it.each([
    ['a token', 'issued eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJza3lwZWlkIjoiYWNzOmUw.sig'],
    ['an access key', 'endpoint=https://a.example/;accesskey=c2VjcmV0'],
    ['a header', 'authorization: Bearer 0123456789abcdef'],
    ['a private key', '-----BEGIN PRIVATE KEY-----'],
    ['a database password', 'postgres://service:hunter2@db.example/identity'],
  ])('finds %s by its pattern', (_what, text) => {
    expect(() => {
      new SecretScanner().assertClean('the log', ['fine', text]);
    }).toThrow('line 2');
  });

  it('finds a forbidden value, and does not repeat it in the error', () => {
    const scanner = new SecretScanner();
    scanner.forbid('s3cr3t-value');
    expect(() => {
      scanner.assertClean('the log', ['"key":"s3cr3t-value"']);
    }).toThrow(/^a forbidden value found in the log, line 1$/);
  });

  it('accepts masked values', () => {
    const lines = [
      'Bearer [masked]',
      'accesskey=[masked]',
      'postgres://service:[masked]@db/identity',
    ];
    expect(() => {
      new SecretScanner().assertClean('the log', lines);
    }).not.toThrow();
  });
});
