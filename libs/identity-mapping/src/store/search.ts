import type { MappingSearch } from './identity-map.js';
import { COLUMNS } from './mapping-rows.js';

/**
 * The statement of a search. Each filter has an index that ends in `id`, so that a page is read from
 * its first row to its last one, however far behind it lies.
 */
export function searchQuery(search: MappingSearch): { sql: string; parameters: unknown[] } {
  const { tenant, kind, subject, communicationUserId, status, after, limit } = search;
  const parameters: unknown[] = [];
  const conditions: string[] = [];
  const require = (condition: (place: string) => string, value: unknown): void => {
    if (value === undefined) return;
    parameters.push(value);
    conditions.push(condition(`$${parameters.length}`));
  };
  require((place) => `tenant = ${place}`, tenant);
  require((place) => `kind = ${place}`, kind);
  require((place) => `subject = ${place}`, subject);
  require((place) => `communication_user_id = ${place}`, communicationUserId);
  require((place) => `status = ${place}`, status);
  if (status === undefined) conditions.push(`status <> 'deleted'`);
  require((place) => `id > ${place}`, after);
  parameters.push(limit);
  const sql = `SELECT ${COLUMNS} FROM mapping WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT $${parameters.length}`;
  return { sql, parameters };
}
