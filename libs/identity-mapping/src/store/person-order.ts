/**
 * The order of the mappings of a person, of which the first decides: one that bars the person from tokens,
 * then one with a communication identity. The same in every replica, whatever its default resource.
 */
export const PERSON_ORDER = `mapping.status IN ('suspended', 'deleting') DESC,
  mapping.status = 'pending', mapping.is_additional, mapping.id DESC`;
