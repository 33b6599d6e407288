import { describe, expect, it } from 'vitest';
import { identityFields } from './identity-fields.js';

describe('identityFields', () => {
  it.each(['می\u200cشود', 'क्\u200dष', '👩\u200d💻', 'auth0|507f'])(
    'take the subject %j, which a token may have',
    (subject) => {
      expect(identityFields.subject.parse(subject)).toBe(subject);
      expect(identityFields.recordedSubject.parse(subject)).toBe(subject);
    },
  );

  it.each(['u1 ', 'u\u200d1', '\u202eu1'])(
    'take the subject %j, which no token may have any longer, only to find and erase it',
    (subject) => {
      expect(identityFields.subject.safeParse(subject).success).toBe(false);
      expect(identityFields.recordedSubject.parse(subject)).toBe(subject);
    },
  );
});
