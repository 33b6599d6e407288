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

  it.each(['Zoë Zimmer', 'می\u200cشود', 'דוד \u200f(IT)', '👩\u200d💻', '-'])(
    'take the display name %j',
    (name) => {
      expect(identityFields.displayName.parse(name)).toBe(name);
    },
  );

  it.each(['  ', '\u00a0', '\u200b\u2060', '\u202egnp.exe', 'a\u2066b\u2069', 'a\u2028b', 'a\tb'])(
    'refuse the display name %j, which shows nothing or something else',
    (name) => {
      expect(identityFields.displayName.safeParse(name).success).toBe(false);
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
