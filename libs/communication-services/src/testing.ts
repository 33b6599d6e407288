export {
  describeGateway,
  type GatewayHarness,
} from './testing/communication-identity-gateway.contract.js';
export { MemoryCommunicationIdentityGateway } from './testing/memory-communication-identity-gateway.js';
