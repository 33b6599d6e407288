export { TestWitness } from './testing/test-witness.js';
