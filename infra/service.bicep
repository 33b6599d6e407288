// Everything in the resource group: identities with their roles, data, network, migration, and one of three hosts.
param environmentName string
param location string
param host string
param isPrivate bool
param isPrepared bool
param image string
param registryName string
param entraTenantId string
param entraAudience string
param auditLogOrigin string
param dataLocation string
param principalId string
param principalName string
param principalType string

// Built-in roles by id: names can change. test/deployment/infra.spec.ts has their names and sources.
var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'
var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
var communicationOwner = '09976791-48a7-449e-bb21-39d1a415f350'

var suffix = uniqueString(resourceGroup().id)
var name = toLower('acs-identity-${environmentName}')
var tags = { 'azd-env-name': environmentName }

module serviceIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  params: { name: '${name}-service', location: location, tags: tags }
}

// Owns the schema. The service never has it.
module migrationIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  params: { name: '${name}-migration', location: location, tags: tags }
}

module pullRoles 'pull-roles.bicep' = {
  params: {
    registryName: registryName
    roleId: acrPull
    principalIds: [serviceIdentity.outputs.principalId, migrationIdentity.outputs.principalId]
  }
}

module logs 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  params: { name: '${name}-logs', location: location, tags: tags, dataRetention: 90, forceCmkForQuery: false }
}

module network 'network.bicep' = if (isPrivate) {
  params: { name: name, location: location, tags: tags }
}

module vault 'br/public:avm/res/key-vault/vault:0.14.0' = {
  params: {
    name: 'kv-${suffix}'
    location: location
    tags: tags
    sku: 'standard'
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableVaultForDeployment: false
    enableVaultForTemplateDeployment: false
    enableVaultForDiskEncryption: false
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    roleAssignments: [
      {
        principalId: serviceIdentity.outputs.principalId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: keyVaultSecretsUser
      }
      {
        principalId: principalId
        principalType: principalType
        roleDefinitionIdOrName: keyVaultSecretsOfficer
      }
    ]
    diagnosticSettings: [{ workspaceResourceId: logs.outputs.resourceId }]
    privateEndpoints: isPrivate
      ? [
          {
            service: 'vault'
            subnetResourceId: network!.outputs.endpointsSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: network!.outputs.vaultZoneId }]
            }
          }
        ]
      : []
  }
}

module communication 'br/public:avm/res/communication/communication-service:0.5.0' = {
  params: {
    name: '${name}-${suffix}'
    tags: tags
    dataLocation: dataLocation
    roleAssignments: [
      {
        principalId: serviceIdentity.outputs.principalId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: communicationOwner
      }
    ]
    diagnosticSettings: [{ workspaceResourceId: logs.outputs.resourceId }]
  }
}

module communicationId 'communication-id.bicep' = {
  params: { name: communication.outputs.name }
}

// Signs in with Entra alone. hooks/postprovision.sh creates the database and the roles, which are no ARM resources.
module database 'br/public:avm/res/db-for-postgre-sql/flexible-server:0.16.0' = {
  params: {
    name: 'pg-${suffix}'
    location: location
    tags: tags
    version: '17'
    skuName: 'Standard_D2ds_v5'
    tier: 'GeneralPurpose'
    availabilityZone: -1
    highAvailability: 'SameZone'
    storageSizeGB: 64
    autoGrow: 'Enabled'
    backupRetentionDays: 14
    geoRedundantBackup: 'Disabled'
    authConfig: { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled' }
    administrators: [{ objectId: principalId, principalName: principalName, principalType: principalType }]
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    // Azure services, and who deploys: hooks/postprovision.sh adds and removes the address that it works from.
    firewallRules: isPrivate ? [] : [{ name: 'AllowAzureServices', startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }]
    privateEndpoints: isPrivate
      ? [
          {
            service: 'postgresqlServer'
            subnetResourceId: network!.outputs.endpointsSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: network!.outputs.databaseZoneId }]
            }
          }
        ]
      : []
    diagnosticSettings: [{ workspaceResourceId: logs.outputs.resourceId }]
  }
}

module environment 'br/public:avm/res/app/managed-environment:0.15.0' = {
  params: {
    name: '${name}-environment'
    location: location
    tags: tags
    appLogsConfiguration: { destination: 'log-analytics', logAnalyticsWorkspaceResourceId: logs.outputs.resourceId }
    infrastructureSubnetResourceId: isPrivate ? network!.outputs.containersSubnetId : null
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
    publicNetworkAccess: 'Enabled'
    zoneRedundant: isPrivate
  }
}

var address = '${database.outputs.fqdn}:5432/identity?sslmode=verify-full'

module migration 'br/public:avm/res/app/job:0.7.2' = {
  dependsOn: [pullRoles]
  params: {
    name: 'migrate-${take(suffix, 8)}'
    location: location
    tags: tags
    environmentResourceId: environment.outputs.resourceId
    triggerType: 'Manual'
    manualTriggerConfig: { parallelism: 1, replicaCompletionCount: 1 }
    replicaRetryLimit: 2
    replicaTimeout: 1800
    managedIdentities: { userAssignedResourceIds: [migrationIdentity.outputs.resourceId] }
    registries: [{ server: '${registryName}.azurecr.io', identity: migrationIdentity.outputs.resourceId }]
    containers: [
      {
        name: 'migrate'
        image: image
        args: ['bin/acs-identity.js', 'migrate']
        resources: { cpu: json('0.5'), memory: '1Gi' }
        env: [
          { name: 'DATABASE_OWNER_URL', value: 'postgres://${migrationIdentity.outputs.name}@${address}' }
          { name: 'DATABASE_SERVICE_ROLE', value: serviceIdentity.outputs.name }
          { name: 'DATABASE_AUTH', value: 'entra' }
          { name: 'AZURE_CREDENTIAL', value: 'managed-identity' }
          { name: 'AZURE_CLIENT_ID', value: migrationIdentity.outputs.clientId }
        ]
      }
    ]
  }
}

// docs/configuration.md; the same for every host.
var settings = {
  DATABASE_URL: 'postgres://${serviceIdentity.outputs.name}@${address}'
  DATABASE_AUTH: 'entra'
  AZURE_CREDENTIAL: 'managed-identity'
  AZURE_CLIENT_ID: serviceIdentity.outputs.clientId
  KEY_VAULT_URL: 'https://${vault.outputs.name}${az.environment().suffixes.keyvaultDns}'
  ACS_ENDPOINT: 'https://${communication.outputs.name}.communication.azure.com'
  ACS_RESOURCE_ID: communicationId.outputs.immutableId
  ENTRA_TENANT_ID: entraTenantId
  ENTRA_AUDIENCE: entraAudience
  AUDIT_LOG_ORIGIN: auditLogOrigin
}

// Azure waits until the revision is ready, and fails the provisioning when it does not get ready in time.
module containerApp 'hosts/container-app.bicep' = if (isPrepared && host == 'container-app') {
  dependsOn: [pullRoles]
  params: {
    name: 'api-${suffix}'
    location: location
    tags: tags
    image: image
    registryServer: '${registryName}.azurecr.io'
    identityId: serviceIdentity.outputs.resourceId
    environmentId: environment.outputs.resourceId
    settings: settings
  }
}

module appService 'hosts/app-service.bicep' = if (host == 'app-service') {
  dependsOn: [pullRoles]
  params: {
    name: 'api-${suffix}'
    location: location
    tags: tags
    image: image
    identityId: serviceIdentity.outputs.resourceId
    identityClientId: serviceIdentity.outputs.clientId
    subnetId: isPrivate ? network!.outputs.sitesSubnetId : ''
    workspaceId: logs.outputs.resourceId
    settings: settings
  }
}

module functionApp 'hosts/functions.bicep' = if (host == 'functions') {
  params: {
    name: 'api-${suffix}'
    storageName: 'st${suffix}'
    location: location
    tags: tags
    identityId: serviceIdentity.outputs.resourceId
    identityClientId: serviceIdentity.outputs.clientId
    identityPrincipalId: serviceIdentity.outputs.principalId
    subnetId: isPrivate ? network!.outputs.sitesSubnetId : ''
    workspaceId: logs.outputs.resourceId
    settings: settings
  }
}

output url string = host == 'container-app'
  ? (isPrepared ? containerApp!.outputs.url : '')
  : host == 'app-service' ? appService!.outputs.url : functionApp!.outputs.url
output appName string = 'api-${suffix}'
output vaultName string = vault.outputs.name
output databaseHost string = database.outputs.fqdn
output serviceRole string = serviceIdentity.outputs.name
output migrationRole string = migrationIdentity.outputs.name
output jobName string = migration.outputs.name
