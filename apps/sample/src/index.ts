export { type Sample, startSample } from './sample-server.js';
