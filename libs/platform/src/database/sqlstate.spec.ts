import { QueryFailedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { DatabaseUnavailable } from '../errors/storage-unavailable.js';
import { asDatabaseUnavailable, isDatabaseOutage, sqlState } from './sqlstate.js';

function withCode(code: string, message = 'failed'): Error {
  return Object.assign(new Error(message), { code });
}

function queryFailed(code: string): QueryFailedError {
  return new QueryFailedError('SELECT 1', [], withCode(code));
}

describe('sqlState', () => {
  it('is the code of an error of pg or TypeORM', () => {
    expect(sqlState(withCode('23505'))).toBe('23505');
    expect(sqlState(queryFailed('40P01'))).toBe('40P01');
  });

  it.each([
    ['a network error', withCode('ECONNREFUSED')],
    ['an error without a code', new Error('failed')],
    ['anything else', { code: '23505' }],
  ])('is undefined for %s', (_what, error) => {
    expect(sqlState(error)).toBeUndefined();
  });
});

describe('isDatabaseOutage', () => {
  it.each<[string, unknown]>([
    ['a broken connection', withCode('08006')],
    ['a server that shuts down', queryFailed('57P01')],
    ['a statement that timed out', queryFailed('57014')],
    ['a lock timeout', queryFailed('55P03')],
    ['a deadlock', queryFailed('40P01')],
    ['a full disk', queryFailed('53100')],
    ['a schema that is not migrated', queryFailed('42P01')],
    ['a refused login', withCode('28P01')],
    ['a refused connection', withCode('ECONNREFUSED')],
    ['a certificate that is not trusted', withCode('SELF_SIGNED_CERT_IN_CHAIN')],
    ['several refused connections', new AggregateError([withCode('ECONNREFUSED')])],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
    ['a released query runner', new QueryRunnerProviderAlreadyReleasedError()],
  ])('is true for %s', (_what, error) => {
    expect(isDatabaseOutage(error)).toBe(true);
    expect(asDatabaseUnavailable(error)).toBeInstanceOf(DatabaseUnavailable);
  });

  it.each<[string, unknown]>([
    ['a violated constraint', queryFailed('23505')],
    ['a value of the wrong type', queryFailed('22P02')],
    ['an error of the caller', new Error('no such thing')],
    ['a text', 'timeout'],
    ['the deadline of another request', new DOMException('due to timeout', 'TimeoutError')],
    ['a fault of Azure without an answer', new Error('TimeoutError 23')],
  ])('is false for %s', (_what, error) => {
    expect(isDatabaseOutage(error)).toBe(false);
    expect(asDatabaseUnavailable(error)).toBe(error);
  });
});

describe('asDatabaseUnavailable', () => {
  it('has the error of the driver as its cause, without the statement', () => {
    const error = queryFailed('57P01');
    expect(asDatabaseUnavailable(error)).toMatchObject({ cause: error.driverError });
  });
});
