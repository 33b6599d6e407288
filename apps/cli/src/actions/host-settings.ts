// Loaded only for a host with adapters of its own: choosing among adapters imports all of them.
export { settingsFor } from '#libs/composition';
