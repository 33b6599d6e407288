import { Database } from './database.js';

/**
 * The connections of reading and bulk work: searches, exports, statistics, proofs. They are apart from
 * those that issue tokens, so that neither slow statements nor many of them delay an issuance.
 */
export class ReadingDatabase extends Database {}
