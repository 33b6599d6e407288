import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { problem, type ProblemOptions } from './problem.js';
import { ServiceError } from './service-error.js';
import { DatabaseUnavailable, StorageUnavailable } from './storage-unavailable.js';

class ThingNotFound extends problem('thing-not-found', 404, 'No such thing', 'It is gone.') {}

class ThingBusy extends problem('thing-busy', 503, 'The thing is busy', 'Repeat the request.', {
  retryAfterSeconds: 5,
}) {}

class ThingBroken extends problem('thing-broken', 409, 'The thing is broken') {
  constructor(
    readonly part: string,
    options: ProblemOptions = {},
  ) {
    super({ ...options, detail: `Its ${part} is broken.`, members: { part } });
  }
}

abstract class ChallengeError extends ServiceError {
  abstract readonly challenge: string;
}

class ThingLocked extends problem('thing-locked', 401, 'The thing is locked', 'Use a key.', {
  base: ChallengeError,
}) {
  override readonly challenge = 'Key';
}

describe('problem', () => {
  it('makes a class with its code, status, title and default detail', () => {
    const error = new ThingNotFound();
    expect(error).toBeInstanceOf(ThingNotFound);
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).not.toBeInstanceOf(ThingBusy);
    expect(error).toMatchObject({
      code: 'thing-not-found',
      status: 404,
      title: 'No such thing',
      detail: 'It is gone.',
      message: 'It is gone.',
      retryAfterSeconds: undefined,
      members: {},
    });
  });

  it('uses the title as the detail where there is no other', () => {
    expect(new (problem('x', 400, 'It is x'))().detail).toBe('It is x');
  });

  it('has the cause that it was given, and none otherwise', () => {
    const cause = new Error('socket closed');
    expect(new ThingBusy({ cause }).cause).toBe(cause);
    expect(new ThingBusy()).not.toHaveProperty('cause');
  });

  it('lets one occurrence replace the default of retryAfterSeconds', () => {
    expect(new ThingBusy().retryAfterSeconds).toBe(5);
    expect(new ThingBusy({ retryAfterSeconds: 30 }).retryAfterSeconds).toBe(30);
  });

  it('lets a class compute its detail and members from an argument', () => {
    const error = new ThingBroken('wheel', { cause: 1 });
    expect(error).toMatchObject({ detail: 'Its wheel is broken.', part: 'wheel', cause: 1 });
    expect(error.members).toEqual({ part: 'wheel' });
  });

  it('extends the base of its group, whose abstract members the class must have', () => {
    const error = new ThingLocked();
    expect(error).toBeInstanceOf(ChallengeError);
    expectTypeOf(error).toExtend<ChallengeError>();
    expect(error).toMatchObject({ challenge: 'Key', code: 'thing-locked' });
  });

  it('names the class in name, stack and inspection', () => {
    const error = new ThingNotFound();
    expect(error.name).toBe('ThingNotFound');
    expect(error.stack).toMatch(/^ThingNotFound: It is gone\.\n/);
    expect(inspect(error)).toMatch(/^ThingNotFound: It is gone\.\n/);
  });
});

describe('DatabaseUnavailable', () => {
  it('is a StorageUnavailable that can be repeated after two seconds', () => {
    const error = new DatabaseUnavailable();
    expect(error).toBeInstanceOf(StorageUnavailable);
    expect(error).toMatchObject({ code: 'database-unavailable', status: 503 });
    expect(error.retryAfterSeconds).toBe(2);
  });
});
