import { describe, expect, it } from 'vitest';
import { COLUMN_SETS, COLUMNS } from './columns.js';
import {
  COLUMN_NAMES,
  columnsOf,
  DEFAULT_OWN_COLUMNS,
  moveColumn,
  readOwnColumns,
} from './own-columns.js';

describe('own columns', () => {
  it('are those that were kept, in their order and with their widths', () => {
    const kept = [{ name: 'fingerprint', width: 160 }, { name: 'time' }];
    expect(readOwnColumns(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
  });

  it.each([undefined, null, 7, 'who', {}, [], [[]], [null, 1, 'who'], [{ name: 'salary' }]])(
    'are the default when %j was kept',
    (kept) => {
      expect(readOwnColumns(kept)).toEqual(DEFAULT_OWN_COLUMNS);
    },
  );

  it.each([
    [[{ name: 'constructor' }, { name: 'who' }, { name: 4 }]],
    [[{ name: 'who', width: 'wide' }]],
    [[{ name: 'who', width: -5 }]],
    [[{ name: 'who', width: 1e9 }]],
    [[{ name: 'who' }, { name: 'who', width: 80 }]],
    [[{ name: 'who', person: 'Mallory Moore' }]],
  ])('leave out what is no column, no width or twice in %j', (kept) => {
    expect(readOwnColumns(kept)).toEqual([{ name: 'who' }]);
  });

  it('begin as Triage', () => {
    expect(columnsOf(DEFAULT_OWN_COLUMNS)).toEqual(COLUMN_SETS.triage.columns);
  });

  it('have exactly the width that was chosen', () => {
    const [what, who] = columnsOf([{ name: 'what', width: 320 }, { name: 'who' }]);
    expect(what).toMatchObject({ title: 'what happened', width: 320, maxWidth: '320px' });
    expect(who).toBe(COLUMNS.who);
  });

  it('move up and down one place at a time', () => {
    const names = (columns: readonly { readonly name: string }[]): string =>
      columns.map(({ name }) => name).join(' ');
    const own = readOwnColumns([{ name: 'time' }, { name: 'who' }, { name: 'app' }]);
    expect(names(moveColumn(own, 1, -1))).toBe('who time app');
    expect(names(moveColumn(own, 1, 1))).toBe('time app who');
  });

  it('can be all that a set of the console has, each under a title of its own', () => {
    const titles = COLUMN_NAMES.map((name) => COLUMNS[name].title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const { columns } of Object.values(COLUMN_SETS))
      for (const { title } of columns) expect(titles).toContain(title);
  });
});
