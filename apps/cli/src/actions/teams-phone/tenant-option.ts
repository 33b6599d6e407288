import { canonicalGuid, type Guid } from '#libs/platform';

/** The value of `--tenant`. @throws when it is not a GUID */
export function tenantOption(text: string): Guid {
  const tenant = canonicalGuid(text);
  if (tenant === undefined)
    throw new Error(`--tenant ${text} is not a GUID: it is the directory (tenant) id.`);
  return tenant;
}
