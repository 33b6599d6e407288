// A custom handler on a plan that is always on: docs/hosting/azure-functions.md. hooks/postprovision.sh uploads the
// package.
param name string
param storageName string
param location string
param tags object
param identityId string
param identityClientId string
param identityPrincipalId string

@description('Empty without a network.')
param subnetId string

param workspaceId string
param settings object

// What the Functions host needs of its storage with an identity.
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

var hostSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'custom'
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  WEBSITE_RUN_FROM_PACKAGE: '1'
  CLIENT_ADDRESS_HEADER: 'client-ip'
  DATABASE_POOL_SIZE: '4'
}

module storage 'br/public:avm/res/storage/storage-account:0.33.0' = {
  params: {
    name: storageName
    location: location
    tags: tags
    skuName: 'Standard_LRS'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    publicNetworkAccess: 'Enabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow' }
    roleAssignments: [
      for role in [storageBlobDataOwner, storageQueueDataContributor, storageTableDataContributor]: {
        principalId: identityPrincipalId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: role
      }
    ]
  }
}

module plan 'br/public:avm/res/web/serverfarm:0.7.0' = {
  params: {
    name: '${name}-plan'
    location: location
    tags: tags
    kind: 'linux'
    skuName: 'P0v3'
    skuCapacity: 2
    zoneRedundant: false
  }
}

module app 'br/public:avm/res/web/site:0.24.0' = {
  dependsOn: [storage]
  params: {
    name: name
    location: location
    tags: tags
    kind: 'functionapp,linux'
    serverFarmResourceId: plan.outputs.resourceId
    managedIdentities: { userAssignedResourceIds: [identityId] }
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetResourceId: empty(subnetId) ? null : subnetId
    basicPublishingCredentialsPolicies: [{ name: 'ftp', allow: false }, { name: 'scm', allow: false }]
    siteConfig: {
      alwaysOn: true
      ftpsState: 'Disabled'
      minTlsVersion: '1.2'
      healthCheckPath: '/health/ready'
      vnetRouteAllEnabled: !empty(subnetId)
    }
    configs: [{ name: 'appsettings', properties: union(settings, hostSettings) }]
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
  }
}

output url string = 'https://${app.outputs.defaultHostname}'
