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
  /** What the values of parameters are limited to, by path. Each number that a template has needs an entry. */
  readonly limits?: Readonly<Record<string, Limit>>;
}

/** From `min` to `max` inclusive, or one of the values. */
export type Limit = readonly [min: number, max: number] | readonly string[];

const ANY_COUNT = [1, Infinity] as const;
const PORT = [1, 65_535] as const;
const ACCESS = ['Enabled', 'Disabled'];
const SWITCH = ['enabled', 'disabled'];
const PRINCIPALS = ['Device', 'ForeignGroup', 'Group', 'ServicePrincipal', 'User'];

const COMMON = ['location', 'tags'];
const GUARDED = [...COMMON, 'roleAssignments', 'diagnosticSettings', 'privateEndpoints'];

/**
 * Azure Verified Modules in these versions: what they require, and what our templates use of the rest. Source: the
 * README of each module in https://github.com/Azure/bicep-registry-modules, and for limits its main.json (minValue,
 * maxValue, allowedValues). Extend it with both at hand.
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
    limits: {
      activeRevisionsMode: ['Multiple', 'Single'],
      ingressTransport: ['auto', 'http', 'http2', 'tcp'],
      ingressTargetPort: PORT,
      // https://learn.microsoft.com/rest/api/resource-manager/containerapps/container-apps/create-or-update
      terminationGracePeriodSeconds: [0, 600],
      'scaleSettings.minReplicas': [0, 1000],
      'scaleSettings.maxReplicas': [1, 1000],
      'containers[].probes[].type': ['Liveness', 'Readiness', 'Startup'],
      'containers[].probes[].httpGet.port': PORT,
      'containers[].probes[].periodSeconds': [1, 240],
      'containers[].probes[].failureThreshold': [1, 10],
    },
  },
  'app/job': {
    version: '0.7.2',
    required: ['name', 'environmentResourceId', 'containers', 'triggerType'],
    optional: [
      ...[...COMMON, 'managedIdentities', 'registries', 'manualTriggerConfig'],
      ...['replicaRetryLimit', 'replicaTimeout'],
    ],
    outputs: ['name'],
    limits: {
      triggerType: ['Event', 'Manual', 'Schedule'],
      'manualTriggerConfig.parallelism': ANY_COUNT,
      'manualTriggerConfig.replicaCompletionCount': ANY_COUNT,
      replicaRetryLimit: ANY_COUNT,
      replicaTimeout: ANY_COUNT,
    },
  },
  'app/managed-environment': {
    version: '0.15.0',
    required: ['name'],
    optional: [
      ...[...COMMON, 'appLogsConfiguration', 'infrastructureSubnetResourceId', 'workloadProfiles'],
      ...['publicNetworkAccess', 'zoneRedundant'],
    ],
    outputs: ['resourceId'],
    limits: {
      publicNetworkAccess: ACCESS,
      'appLogsConfiguration.destination': ['azure-monitor', 'log-analytics'],
    },
  },
  'communication/communication-service': {
    version: '0.5.0',
    required: ['name', 'dataLocation'],
    optional: ['tags', 'roleAssignments', 'diagnosticSettings'],
    outputs: ['name'],
    limits: {
      'roleAssignments[].principalType': PRINCIPALS,
    },
  },
  'container-registry/registry': {
    version: '0.12.1',
    required: ['name'],
    optional: [
      ...[...COMMON, 'acrSku', 'acrAdminUserEnabled', 'publicNetworkAccess', 'zoneRedundancy'],
      ...['networkRuleSetDefaultAction', 'exportPolicyStatus', 'retentionPolicyStatus'],
    ],
    outputs: ['loginServer'],
    limits: {
      acrSku: ['Basic', 'Premium', 'Standard'],
      publicNetworkAccess: ACCESS,
      networkRuleSetDefaultAction: ['Allow', 'Deny'],
      exportPolicyStatus: SWITCH,
      retentionPolicyStatus: SWITCH,
      zoneRedundancy: ACCESS,
    },
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
    limits: {
      version: ['11', '12', '13', '14', '15', '16', '17', '18'],
      tier: ['GeneralPurpose', 'Burstable', 'MemoryOptimized'],
      // -1 for none; there is no zone 0.
      availabilityZone: [-1, 3],
      highAvailability: ['Disabled', 'SameZone', 'ZoneRedundant'],
      storageSizeGB: [32, Infinity],
      autoGrow: ACCESS,
      backupRetentionDays: [7, 35],
      geoRedundantBackup: ACCESS,
      publicNetworkAccess: ACCESS,
    },
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
    limits: {
      sku: ['premium', 'standard'],
      publicNetworkAccess: ACCESS,
      'roleAssignments[].principalType': PRINCIPALS,
    },
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
    limits: {
      'subnets[].privateEndpointNetworkPolicies': [
        ...ACCESS,
        ...['NetworkSecurityGroupEnabled', 'RouteTableEnabled'],
      ],
    },
  },
  'operational-insights/workspace': {
    version: '0.16.1',
    required: ['name'],
    optional: [...COMMON, 'dataRetention', 'forceCmkForQuery'],
    outputs: ['resourceId'],
    limits: {
      dataRetention: [0, 730],
    },
  },
  'storage/storage-account': {
    version: '0.33.0',
    required: ['name'],
    optional: [
      ...[...COMMON, 'skuName', 'allowSharedKeyAccess', 'allowBlobPublicAccess'],
      ...['publicNetworkAccess', 'networkAcls', 'roleAssignments'],
    ],
    outputs: [],
    limits: {
      publicNetworkAccess: [...ACCESS, 'SecuredByPerimeter'],
      'networkAcls.defaultAction': ['Allow', 'Deny'],
      'roleAssignments[].principalType': PRINCIPALS,
    },
  },
  'web/serverfarm': {
    version: '0.7.0',
    required: ['name'],
    optional: [...COMMON, 'kind', 'skuName', 'skuCapacity', 'zoneRedundant'],
    outputs: ['resourceId'],
    limits: {
      skuCapacity: ANY_COUNT,
    },
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
    limits: {
      kind: ['functionapp,linux', 'app,linux', 'app,linux,container', 'app', 'functionapp'],
      'basicPublishingCredentialsPolicies[].name': ['ftp', 'scm'],
    },
  },
};
