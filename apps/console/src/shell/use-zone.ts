import { change, useAddress } from './address.js';
import { setPreferences, usePreferences } from './preferences.js';
import { isZone, localZone, UTC, type Zone } from '../time/zone.js';

/** The zone of everything that is shown: that of the address, or the preferred one. */
export function useZone(): Zone {
  const { zone } = usePreferences();
  const named = useAddress().parameters.get('tz');
  if (named !== null && isZone(named)) return named;
  return zone === 'UTC' ? UTC : localZone();
}

/** The other one of UTC and the zone of the browser. */
export function otherZone(zone: Zone): Zone {
  return zone === UTC ? localZone() : UTC;
}

/** Changes between UTC and the zone of the browser. */
export function switchZone(zone: Zone): void {
  setPreferences({ zone: zone === UTC ? 'local' : 'UTC' });
  change({ tz: undefined }, { replaces: true });
}
