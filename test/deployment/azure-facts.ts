/**
 * Built-in roles of Azure. Source: the pages of built-in roles at
 * https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
 */
export const ROLES: Readonly<Record<string, string>> = {
  '7f951dda-4ed3-4680-a7ca-43fe172d538d': 'AcrPull',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7': 'Key Vault Secrets Officer',
  '09976791-48a7-449e-bb21-39d1a415f350': 'Communication and Email Service Owner',
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
};

interface VerifiedModule {
  readonly version: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly outputs: readonly string[];
}

const COMMON = ['location', 'tags'];
const GUARDED = [...COMMON, 'roleAssignments', 'diagnosticSettings', 'privateEndpoints'];

/**
 * Azure Verified Modules in these versions: what they require, and what our templates use of the rest. Source: the
 * README of each module in https://github.com/Azure/bicep-registry-modules. Extend it with the README at hand.
 */
export const VERIFIED_MODULES: Readonly<Record<string, VerifiedModule>> = {
  'app/container-app': {
    version: '0.23.0',
    required: ['name', 'environmentResourceId', 'containers'],
    optional: [
      ...[...COMMON, 'managedIdentities', 'registries', 'activeRevisionsMode', 'ingressExternal'],
      ...['ingressAllowInsecure', 'ingressTargetPort', 'ingressTransport', 'scaleSettings'],
      'terminationGracePeriodSeconds',
    ],
    outputs: ['fqdn'],
  },
  'app/job': {
    version: '0.7.2',
    required: ['name', 'environmentResourceId', 'containers', 'triggerType'],
    optional: [
      ...[...COMMON, 'managedIdentities', 'registries', 'manualTriggerConfig'],
      ...['replicaRetryLimit', 'replicaTimeout'],
    ],
    outputs: ['name'],
  },
  'app/managed-environment': {
    version: '0.15.0',
    required: ['name'],
    optional: [
      ...[...COMMON, 'appLogsConfiguration', 'infrastructureSubnetResourceId', 'workloadProfiles'],
      ...['publicNetworkAccess', 'zoneRedundant'],
    ],
    outputs: ['resourceId'],
  },
  'communication/communication-service': {
    version: '0.5.0',
    required: ['name', 'dataLocation'],
    optional: ['tags', 'roleAssignments', 'diagnosticSettings'],
    outputs: ['name'],
  },
  'container-registry/registry': {
    version: '0.12.1',
    required: ['name'],
    optional: [
      ...[...COMMON, 'acrSku', 'acrAdminUserEnabled', 'publicNetworkAccess', 'zoneRedundancy'],
      ...['networkRuleSetDefaultAction', 'exportPolicyStatus', 'retentionPolicyStatus'],
    ],
    outputs: ['loginServer'],
  },
  'db-for-postgre-sql/flexible-server': {
    version: '0.16.0',
    required: ['name', 'skuName', 'tier', 'availabilityZone'],
    optional: [
      ...[...GUARDED, 'version', 'highAvailability', 'storageSizeGB', 'autoGrow', 'authConfig'],
      ...['backupRetentionDays', 'geoRedundantBackup', 'administrators', 'publicNetworkAccess'],
      'firewallRules',
    ],
    outputs: ['fqdn'],
  },
  'key-vault/vault': {
    version: '0.14.0',
    required: ['name'],
    optional: [
      ...[...GUARDED, 'sku', 'enableRbacAuthorization', 'enablePurgeProtection'],
      ...['enableVaultForDeployment', 'enableVaultForTemplateDeployment'],
      ...['enableVaultForDiskEncryption', 'publicNetworkAccess'],
    ],
    outputs: ['name'],
  },
  'managed-identity/user-assigned-identity': {
    version: '0.6.0',
    required: ['name'],
    optional: COMMON,
    outputs: ['name', 'resourceId', 'principalId', 'clientId'],
  },
  'network/private-dns-zone': {
    version: '0.8.1',
    required: ['name'],
    optional: ['tags', 'virtualNetworkLinks'],
    outputs: ['resourceId'],
  },
  'network/virtual-network': {
    version: '0.10.1',
    required: ['name', 'addressPrefixes'],
    optional: [...COMMON, 'subnets'],
    outputs: ['resourceId', 'subnetResourceIds'],
  },
  'operational-insights/workspace': {
    version: '0.16.1',
    required: ['name'],
    optional: [...COMMON, 'dataRetention', 'forceCmkForQuery'],
    outputs: ['resourceId'],
  },
  'storage/storage-account': {
    version: '0.33.0',
    required: ['name'],
    optional: [
      ...[...COMMON, 'skuName', 'allowSharedKeyAccess', 'allowBlobPublicAccess'],
      ...['publicNetworkAccess', 'networkAcls', 'roleAssignments'],
    ],
    outputs: [],
  },
  'web/serverfarm': {
    version: '0.7.0',
    required: ['name'],
    optional: [...COMMON, 'kind', 'skuName', 'skuCapacity', 'zoneRedundant'],
    outputs: ['resourceId'],
  },
  'web/site': {
    version: '0.24.0',
    required: ['name', 'kind', 'serverFarmResourceId'],
    optional: [
      ...[...COMMON, 'managedIdentities', 'httpsOnly', 'clientAffinityEnabled', 'siteConfig'],
      ...['virtualNetworkSubnetResourceId', 'basicPublishingCredentialsPolicies', 'configs'],
      'diagnosticSettings',
    ],
    outputs: ['defaultHostname'],
  },
};
