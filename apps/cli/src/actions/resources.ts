import {
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import { describeReferences, findUnconfiguredResources } from '#libs/composition';
import { explain } from '#libs/platform';
import { withDatabase } from './database.js';
import { print } from '../standard-output.js';

/** @throws when identities are of ACS resources that are not configured, or the database can't be used */
export async function checkResources(values: ReadonlyMap<symbol, unknown>): Promise<void> {
  // The schema of these settings made the value with this key.
  const { resources } = values.get(
    communicationServicesSettings.key,
  ) as CommunicationServicesSettings;
  await withDatabase(process.env.DATABASE_URL ?? '', async (database) => {
    const found = await findUnconfiguredResources(database, resources.names()).catch(
      (error: unknown) => {
        throw new Error(explain(error), { cause: error });
      },
    );
    if (found.length === 0) {
      print('All identities are of configured ACS resources.');
      return;
    }
    const named = found.map((one) => `${one.resource} (${describeReferences(one)})`).join(', ');
    throw new Error(`Not configured, so that their people get 409: ${named}.`);
  });
}
