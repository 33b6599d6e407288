// Two instances of the image on App Service: docs/hosting/app-service.md
param name string
param location string
param tags object
param image string
param identityId string
param identityClientId string

@description('Empty without a network.')
param subnetId string

param workspaceId string
param settings object

var hostSettings = {
  HOST: '0.0.0.0'
  PORT: '3000'
  SHUTDOWN_DELAY_MS: '5000'
  // The front end, which sets the header whatever a caller sends: docs/networks.md
  TRUSTED_PROXIES: '169.254.0.0/16'
  CLIENT_ADDRESS_HEADER: 'client-ip'
  WEBSITES_PORT: '3000'
  WEBSITES_ENABLE_APP_SERVICE_STORAGE: 'false'
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

module site 'br/public:avm/res/web/site:0.24.0' = {
  params: {
    name: name
    location: location
    tags: tags
    kind: 'app,linux,container'
    serverFarmResourceId: plan.outputs.resourceId
    managedIdentities: { userAssignedResourceIds: [identityId] }
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetResourceId: empty(subnetId) ? null : subnetId
    basicPublishingCredentialsPolicies: [{ name: 'ftp', allow: false }, { name: 'scm', allow: false }]
    siteConfig: {
      linuxFxVersion: 'DOCKER|${image}'
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identityClientId
      alwaysOn: true
      ftpsState: 'Disabled'
      minTlsVersion: '1.2'
      http20Enabled: true
      healthCheckPath: '/health/ready'
      vnetRouteAllEnabled: !empty(subnetId)
    }
    configs: [{ name: 'appsettings', properties: union(settings, hostSettings) }]
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
  }
}

output url string = 'https://${site.outputs.defaultHostname}'
