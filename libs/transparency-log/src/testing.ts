/** A log in memory, a reference implementation and published vectors, for tests alone. */
export { MemoryLog, sampleEntries } from './testing/memory-log.js';
export { NaiveTree } from './testing/naive-tree.js';
export { VECTOR_CHECKS } from './testing/vector-checks.js';
export {
  CT_CONSISTENCY_PROOFS,
  CT_INCLUSION_PROOFS,
  CT_LEAVES,
  CT_ROOTS,
  GO_CHECKSUM_CHECKPOINT,
  GO_NOTE,
  SPEC_CHECKPOINT,
  SPEC_NOTE,
  WITNESSED_CHECKPOINT,
} from './testing/vectors.js';
