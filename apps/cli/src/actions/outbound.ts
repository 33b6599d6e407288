import { COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import {
  OutboundHttp,
  platformSettings,
  type PlatformSettings,
  readSettings,
} from '#libs/platform';

/**
 * How commands without a service reach others over HTTP: through the proxy of the environment, as the api.
 *
 * @throws InvalidSettings
 */
export function outboundHttp(environment = process.env): OutboundHttp {
  const others = serviceSettings.flatMap(({ variables }) => variables.map(({ name }) => name));
  const names = [...others, ...COMMAND_LINE_VARIABLES];
  const values = readSettings([platformSettings], environment, names);
  const { proxies } = values.get(platformSettings.key) as PlatformSettings; // read by its own schema
  return new OutboundHttp(proxies);
}
