export {
  HttpTestReceiver,
  type ReceivedRequest,
  type ReceiverFault,
} from './testing/http-test-receiver.js';
export { describeSink, type SinkFault, type SinkHarness } from './testing/sink.contract.js';
export { sampleEntry } from './testing/sample-records.js';
