import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { list, integer } from './setting-fields.js';
import {
  ADVANCED,
  checkEnvironment,
  defineSettings,
  InvalidSettings,
  readSettings,
  type SettingsFault,
  VERBATIM,
} from './settings.js';

const mail = defineSettings(
  'mail',
  z.object({
    MAIL_HOST: z.string().describe('name of the mail server'),
    MAIL_PORT: integer(1, 65_535).prefault('25').describe('port of the mail server, 1 to 65535'),
    MAIL_COPIES: list().prefault('').describe('recipients of copies').meta(ADVANCED),
  }),
  ({ MAIL_HOST, MAIL_PORT, MAIL_COPIES }) => ({
    host: MAIL_HOST,
    port: MAIL_PORT,
    copies: MAIL_COPIES,
  }),
);

function faultsOf(environment: Record<string, string>): readonly SettingsFault[] {
  try {
    readSettings([mail], environment);
    return [];
  } catch (error) {
    if (error instanceof InvalidSettings) return error.faults;
    throw error;
  }
}

describe('readSettings', () => {
  it('gives the values of each module by its key, with the defaults of variables that are not set', () => {
    const values = readSettings([mail], { MAIL_HOST: 'post.example', MAIL_COPIES: 'a, b,' });
    expect(values.get(mail.key)).toEqual({ host: 'post.example', port: 25, copies: ['a', 'b'] });
  });

  it('lists every fault at once, each with its fix', () => {
    const faults = faultsOf({ MAIL_PORT: '70000' });
    expect(faults).toEqual([
      { variable: 'MAIL_HOST', problem: 'is not set', fix: 'name of the mail server' },
      {
        variable: 'MAIL_PORT',
        problem: 'must be a whole number from 1 to 65535',
        fix: 'port of the mail server, 1 to 65535',
      },
    ]);
  });

  it('treats a variable that holds only white space as not set', () => {
    expect(faultsOf({ MAIL_HOST: '  ' })).toMatchObject([{ variable: 'MAIL_HOST' }]);
  });

  it('refuses a misspelled variable and names the right one', () => {
    const [fault] = faultsOf({ MAIL_HOST: 'post.example', MAIL_PROT: '26' });
    expect(fault).toMatchObject({ variable: 'MAIL_PROT' });
    expect(fault?.fix).toContain('MAIL_PORT');
  });

  it('ignores variables of other programs', () => {
    const environment = { MAIL_HOST: 'post.example', MAIL_OWNER: 'x', MAIL_SERVICE_HOST: 'x' };
    expect(readSettings([mail], environment).size).toBe(1);
  });

  it('ignores the names that the caller lists', () => {
    const environment = { MAIL_HOST: 'post.example', MAIL_HOSTS: 'x' };
    expect(() => readSettings([mail], environment)).toThrow(InvalidSettings);
    expect(readSettings([mail], environment, ['MAIL_HOSTS']).size).toBe(1);
  });

  it('shows no value, since any could be a secret', () => {
    try {
      readSettings([mail], { MAIL_PORT: 'hunter2', MAIL_POST: 'hunter2' });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain('hunter2');
    }
  });

  it('lists each variable with its default and whether it must be set', () => {
    expect(
      mail.variables.map(({ name, isRequired, fallback }) => [name, isRequired, fallback]),
    ).toEqual([
      ['MAIL_HOST', true, undefined],
      ['MAIL_PORT', false, '25'],
      ['MAIL_COPIES', false, ''],
    ]);
  });

  it('marks advanced variables, which keep their description', () => {
    expect(mail.variables.map(({ isAdvanced }) => isAdvanced)).toEqual([false, false, true]);
    expect(mail.variables[2]?.description).toBe('recipients of copies');
  });
});

describe('settings that the service can do without', () => {
  const greeting = defineSettings(
    'greeting',
    z.object({ MAIL_GREETING: integer(1, 3).prefault('1').describe('number of a greeting') }),
    ({ MAIL_GREETING }) => ({ greeting: MAIL_GREETING, problems: [] as string[] }),
    (faults) => ({ greeting: 0, problems: faults.map(({ problem }) => problem) }),
  );

  it.each([
    ['hunter2', 'must be a whole number from 1 to 3'],
    ['"2"', 'has quotes around its value'],
  ])('have no fault with %s, but values without it', (value, problem) => {
    const environment = { MAIL_HOST: 'post.example', MAIL_GREETING: value };
    const check = checkEnvironment([mail, greeting], environment);
    expect(check.faults).toEqual([]);
    expect(check.values.get(greeting.key)).toEqual({ greeting: 0, problems: [problem] });
    expect(check.variables).toEqual({ MAIL_HOST: 'post.example' });
  });

  it('still have the faults of names that are nearly theirs', () => {
    const environment = { MAIL_HOST: 'post.example', MAIL_GREETNIG: '1' };
    expect(checkEnvironment([mail, greeting], environment).faults).toMatchObject([
      { variable: 'MAIL_GREETNIG' },
    ]);
  });
});

describe('checkEnvironment', () => {
  const link = { MAIL_SERVICE_HOST: '10.0.0.12', MAIL_PORT: 'tcp://10.0.0.12:25' };

  it('ignores the link of a Service that has the name of a setting, and says so once', () => {
    const check = checkEnvironment([mail], { MAIL_HOST: 'post.example', ...link });
    expect(check.faults).toEqual([]);
    expect(check.values.get(mail.key)).toMatchObject({ port: 25 });
    expect(check.variables).toEqual({ MAIL_HOST: 'post.example' });
    expect(check.remarks).toEqual([expect.stringContaining('MAIL_PORT')]);
  });

  it('takes the value of the pod in the place of a link', () => {
    const check = checkEnvironment([mail], { MAIL_HOST: 'post.example', ...link, MAIL_PORT: '26' });
    expect(check.values.get(mail.key)).toMatchObject({ port: 26 });
  });

  it('mentions unknown variables of a family once, without their values', () => {
    const environment = {
      MAIL_HOST: 'post.example',
      MAIL_HOST_FILE: 'hunter2',
      MAIL_OWNER: 'hunter2',
    };
    expect(checkEnvironment([mail], environment).remarks).toEqual([
      'Set, but not read by this service: MAIL_HOST_FILE (not MAIL_HOST), MAIL_OWNER.',
    ]);
  });

  it.each([
    ['"post.example"', 'has quotes around its value'],
    ["'post.example'", 'has quotes around its value'],
    ['post.example\r', 'ends with a carriage return'],
  ])('says what a file of variables left around %j, and nothing of the value', (text, problem) => {
    const check = checkEnvironment([mail], { MAIL_HOST: text, MAIL_PORT: '25' });
    expect(check.faults).toMatchObject([{ variable: 'MAIL_HOST', problem }]);
    expect(check.values.get(mail.key)).toMatchObject({ host: 'post.example' });
  });

  it('says the same of values that could not be read with it', () => {
    const environment = { MAIL_HOST: 'post.example', MAIL_PORT: '"25"\r', MAIL_COPIES: '""' };
    expect(checkEnvironment([mail], environment).faults).toMatchObject([
      { variable: 'MAIL_PORT', problem: 'ends with a carriage return' },
      { variable: 'MAIL_PORT', problem: 'has quotes around its value' },
      { variable: 'MAIL_COPIES', problem: 'has quotes around its value' },
    ]);
  });

  it('takes quotes that are a part of the value', () => {
    const named = defineSettings(
      'named',
      z.object({ NAME: z.string().describe('any name').meta(VERBATIM) }),
      ({ NAME }) => NAME,
    );
    for (const name of ['"a"', `"a', "b"`])
      expect(readSettings([named], { NAME: name }).get(named.key)).toBe(name);
    expect(faultsOf({ MAIL_HOST: '"' })).toEqual([]);
  });

  it('shows its remarks beside the faults', () => {
    expect(() => readSettings([mail], { MAIL_OWNER: 'x' })).toThrow(
      /MAIL_HOST: is not set[^]*MAIL_OWNER/,
    );
  });
});
