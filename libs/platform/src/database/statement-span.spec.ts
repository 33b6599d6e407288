import { describe, expect, it } from 'vitest';
import { statementSpan } from './statement-span.js';

describe('statementSpan', () => {
  it.each([
    ['SELECT id FROM mapping WHERE id = $1', 'SELECT mapping'],
    ['SELECT (extract(epoch FROM at) * 1000) FROM unnest($1::text[]) AS c, audit_entry', 'SELECT'],
    ['SELECT n FROM unnest($1) AS c, LATERAL (SELECT id FROM mapping) AS m', 'SELECT mapping'],
    [
      'WITH c AS (SELECT 1), d AS (INSERT INTO mapping (id) SELECT 1) SELECT * FROM d',
      'INSERT mapping',
    ],
    ['WITH c AS MATERIALIZED (SELECT 1) SELECT * FROM c, audit_entry', 'SELECT'],
    [
      'INSERT INTO request_usage AS u VALUES ($1) ON CONFLICT DO UPDATE SET used = 1',
      'INSERT request_usage',
    ],
    ['SELECT state FROM acs_request_budget FOR UPDATE', 'SELECT acs_request_budget'],
    ['UPDATE token_quota SET issued_at = $1', 'UPDATE token_quota'],
    ['DELETE FROM ONLY cached_token WHERE at < $1', 'DELETE cached_token'],
    ['SELECT audit_create_partitions($1)', 'SELECT audit_create_partitions'],
    ["SELECT 'a person' AS name", 'SELECT'],
  ])('names what %s does, and nothing of its values', (text, name) => {
    const [found, { attributes }] = statementSpan(text);
    expect(found).toBe(name);
    expect(attributes?.['db.query.summary']).toBe(name);
    expect(attributes).not.toHaveProperty('db.query.text');
  });
});
